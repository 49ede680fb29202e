import type { Counter, Histogram } from 'prom-client'
import { deadLetterReasons } from '../../model/dead-letter-reason.ts'
import type { Fact, Observe, TypeCounts } from '../../model/fact.ts'
import { outboxReasons } from '../../model/outbox-reason.ts'
import type { Metrics } from './metrics.ts'

/** The most values of a label that comes from outside. */
const MOST_VALUES = 50

/** Outcomes of `prepare` without an attempt; their duration is not that of a delivery. */
const UNSTARTED = new Set(['skipped', 'waiting', 'moved', 'deferred'])

/** Values of the label `outcome` for the counts of a chunk. */
const OUTCOMES: readonly (readonly [keyof TypeCounts, string])[] = [
  ['ok', 'ok'],
  ['noEffect', 'no_effect'],
  ['duplicate', 'duplicate'],
  ['skipped', 'skipped'],
  ['dead', 'dead'],
]

export interface CountOptions {
  /** Channels that have breakers. */
  readonly channels: readonly string[]
  readonly types: readonly string[]
  /** Ids of the groups of this process. */
  readonly groups: readonly string[]
  /** Tables that retention deletes from. */
  readonly tables: readonly string[]
}

/**
 * Counts facts. A chunk costs one addition per type and outcome that occurs in it, not one per event; label children are looked up
 * once. Event types that are not in `types` count as `other`.
 */
export function countFacts(metrics: Metrics, options: CountOptions): Observe {
  startAtZero(metrics, options)
  const messages = children(metrics.messages)
  const deliveries = children(metrics.deliveries)
  const retries = children(metrics.retries)
  const deadLetters = children(metrics.deadLetters)
  const partitionRecords = children(metrics.partitionRecords)
  const acceptDuration = observers(metrics.acceptDuration)
  const processingDuration = observers(metrics.processingDuration)
  const deliveryDuration = observers(metrics.deliveryDuration)
  const stageDuration = observers(metrics.stageDuration)
  const endToEnd = observers(metrics.endToEnd)
  const knownTypes = new Set(options.types)
  const reason = bounded()
  const note = bounded()
  const skipReason = bounded()
  const running = new Map<string, { readonly group: string; readonly channel: string }>()
  const pausedFor = new Map<string, Set<string>>()
  const owned = new Map<string, Set<number>>()
  const openBreakers = new Map<string, Set<string>>()

  function pause(group: string, why: string): void {
    pausedFor.set(group, (pausedFor.get(group) ?? new Set()).add(why))
    metrics.paused.set({ group, reason: why }, 1)
  }

  function unpause(group: string, why: string): void {
    if (pausedFor.get(group)?.delete(why) === true) metrics.paused.remove({ group, reason: why })
  }

  /** A group that has ended is no longer paused for any other reason. */
  function stop(group: string): void {
    for (const why of pausedFor.get(group) ?? []) unpause(group, why)
    pause(group, 'stopped')
  }

  function ended(intentId: string): void {
    const delivery = running.get(intentId)
    if (delivery && running.delete(intentId)) metrics.inFlight.dec(delivery)
  }

  /** Offsets of partitions that this process no longer owns would not move, and look like a stall. */
  function forgetOffsets(group: string): void {
    for (const partition of owned.get(group) ?? []) metrics.committedOffset.remove({ group, partition: String(partition) })
    owned.delete(group)
  }

  function countAccepted({ group, partition, counts, durationMs }: Extract<Fact, { is: 'accepted' }>): void {
    const handled = new Set<string>()
    let records = 0
    for (const [type, count] of counts) {
      const label = knownTypes.has(type) ? type : 'other'
      for (const [field, outcome] of OUTCOMES) {
        if (count[field] === 0) continue
        records += count[field]
        messages(group, label, outcome).inc(count[field])
        if (field !== 'skipped') handled.add(label)
      }
    }
    partitionRecords(group, String(partition)).inc(records)
    acceptDuration(group).observe(durationMs / 1000)
    for (const label of handled) processingDuration(group, label).observe(durationMs / 1000)
  }

  function countSettled(fact: Extract<Fact, { is: 'settled' }>): void {
    const { group, channel, kind, outcome } = fact
    ended(fact.intentId)
    deliveries(group, channel, kind, outcome).inc(1)
    for (const [stage, ms] of fact.stages) stageDuration(channel, stage).observe(ms / 1000)
    if (!UNSTARTED.has(outcome)) deliveryDuration(group, channel, kind).observe(fact.durationMs / 1000)
    // The reason of a successful intent can only be a note of our own code, of which there are few.
    if ((outcome === 'sent' || outcome === 'delivered') && fact.reason !== null) metrics.notes.inc({ group, kind, note: note(fact.reason) })
    // Reasons of our own code, of which there are few.
    if (outcome === 'skipped' && fact.reason !== null) metrics.skips.inc({ group, kind, reason: skipReason(fact.reason) })
    if (outcome === 'retry') retries(group, channel, kind).inc(1)
    if (fact.endToEndMs !== null) endToEnd(group, kind).observe(Math.max(0, fact.endToEndMs) / 1000)
  }

  /** Half-open counts as open: only a probe gets through. */
  function countBreaker({ channel, destination, state }: Extract<Fact, { is: 'breaker' }>): void {
    const open = openBreakers.get(channel) ?? new Set()
    openBreakers.set(channel, open)
    if (state === 'closed') open.delete(destination)
    else open.add(destination)
    metrics.breakersOpen.set({ channel }, open.size)
    metrics.breakerChanges.inc({ channel, state })
  }

  return (fact) => {
    switch (fact.is) {
      case 'group-joined':
        metrics.assignedPartitions.set({ group: fact.group }, fact.partitions.length)
        return metrics.rebalances.inc({ group: fact.group })
      case 'assignment-ended':
        metrics.assignedPartitions.set({ group: fact.group }, 0)
        return forgetOffsets(fact.group)
      case 'accepted':
        return countAccepted(fact)
      case 'dead-lettered':
        return deadLetters(fact.group, fact.reason).inc(1)
      case 'row-moved':
        return metrics.rowMoves.inc({ group: fact.group, meaning: fact.meaning })
      case 'recovered':
        return metrics.recovered.inc({ group: fact.group }, fact.events)
      case 'committed': {
        const partitions = owned.get(fact.group) ?? new Set()
        owned.set(fact.group, partitions)
        for (const [partition, offset] of fact.offsets) {
          partitions.add(partition)
          metrics.committedOffset.set({ group: fact.group, partition: String(partition) }, Number(offset))
        }
        return
      }
      case 'waiting':
        return metrics.acceptRetries.inc({ group: fact.group })
      case 'commit-failed':
        return metrics.commitFailures.inc({ group: fact.group })
      case 'paused':
        return pause(fact.group, reason(fact.reason))
      case 'unpaused':
        return unpause(fact.group, reason(fact.reason))
      case 'group-stopped':
        return stop(fact.group)
      case 'group-resumed':
        return unpause(fact.group, 'stopped')
      case 'consumer-crashed':
        return metrics.consumerCrashes.inc({ group: fact.group })
      case 'started':
        if (!running.has(fact.intentId)) metrics.inFlight.inc({ group: fact.group, channel: fact.channel })
        running.set(fact.intentId, { group: fact.group, channel: fact.channel })
        return
      case 'settled':
        return countSettled(fact)
      case 'skipped-at-accept':
        metrics.skips.inc({ group: fact.group, kind: fact.kind, reason: skipReason(fact.reason) }, fact.count)
        return deliveries(fact.group, fact.channel, fact.kind, 'skipped').inc(fact.count)
      case 'abandoned':
        return deliveries(fact.group, fact.channel, fact.kind, 'dead').inc(fact.count)
      case 'claim-lost':
        ended(fact.intentId)
        return metrics.claimsLost.inc({ group: fact.group, channel: fact.channel })
      case 'execution-failed':
        ended(fact.intentId)
        return metrics.executionFailures.inc({ group: fact.group, channel: fact.channel })
      case 'handler-escaped':
        return metrics.handlerEscapes.inc({ group: fact.group })
      case 'recalculated':
        metrics.recalculations.inc({ mode: fact.because ?? 'windowed' })
        metrics.recalculationRows.inc(fact.rowsChanged)
        return metrics.recalculationDuration.observe(fact.durationMs / 1000)
      case 'swept':
        return metrics.sweptCampaigns.inc(fact.campaigns)
      case 'leases-expired':
        metrics.leasesExpired.inc({ end: 'reclaimed' }, fact.reclaimed)
        return metrics.leasesExpired.inc({ end: 'ambiguous' }, fact.ambiguous)
      case 'retention':
        for (const [table, rows] of fact.deleted) metrics.retentionRows.inc({ table }, rows)
        return metrics.retentionDuration.observe(fact.durationMs / 1000)
      case 'retention-failed':
        return metrics.retentionFailures.inc(1)
      case 'dependency':
        return metrics.dependencyUp.set({ dependency: fact.name }, fact.state === 'up' ? 1 : 0)
      case 'breaker':
        return countBreaker(fact)
      case 'spans-dropped':
        return metrics.spansDropped.inc({ reason: fact.reason }, fact.count)
      case 'template-unknown-variable':
        return metrics.unknownVariables.inc(1)
      case 'outbox-shards':
        return metrics.outboxShards.set(fact.shards.length)
      case 'outbox-published':
        metrics.outboxPublished.inc(fact.events)
        return metrics.outboxRepeats.inc(fact.repeats)
      case 'outbox-failed':
        return metrics.outboxFailures.inc({ reason: fact.reason })
      case 'dead-letter-replayed':
      case 'outbox-sent':
      case 'outbox-waiting':
      case 'outbox-resumed':
      case 'operator-pause':
      case 'fetched':
      case 'offset-overruled':
      case 'log-unchecked':
      case 'resumed':
      case 'client-log':
      case 'claimed':
      case 'committing':
      case 'performed':
      case 'slow-statement':
      case 'replay':
      case 'recalculation-too-slow':
        // Not counted: these show in lag, readiness and deliveries.
        return
    }
  }
}

/**
 * `increase()` does not see a series whose first value is 1, so a first dead letter would raise no alert. The series that alerts use exist at 0
 * from the first scrape, and so is every other counter whose labels are known beforehand.
 */
function startAtZero(metrics: Metrics, { channels, groups, tables }: CountOptions): void {
  for (const group of groups) {
    const { acceptRetries, commitFailures, rebalances, consumerCrashes, handlerEscapes, recovered } = metrics
    for (const counter of [acceptRetries, commitFailures, rebalances, consumerCrashes, handlerEscapes, recovered]) counter.inc({ group }, 0)
    metrics.assignedPartitions.set({ group }, 0)
    for (const meaning of ['database-behind-kafka', 'another-owner']) metrics.rowMoves.inc({ group, meaning }, 0)
    for (const reason of deadLetterReasons) metrics.deadLetters.inc({ group, reason }, 0)
  }
  for (const reason of ['queue-full', 'not-exported']) metrics.spansDropped.inc({ reason }, 0)
  for (const reason of outboxReasons) metrics.outboxFailures.inc({ reason }, 0)
  for (const table of tables) metrics.retentionRows.inc({ table }, 0)
  for (const end of ['reclaimed', 'ambiguous']) metrics.leasesExpired.inc({ end }, 0)
  for (const mode of ['windowed', 'first', 'points', 'many', 'unsure']) metrics.recalculations.inc({ mode }, 0)
  for (const channel of channels) {
    metrics.breakersOpen.set({ channel }, 0)
    for (const state of ['open', 'half-open', 'closed']) metrics.breakerChanges.inc({ channel, state }, 0)
  }
}

function children(counter: Counter): (...labels: string[]) => { inc(value: number): void } {
  return cached((labels) => counter.labels(...labels))
}

function observers(histogram: Histogram): (...labels: string[]) => { observe(value: number): void } {
  return cached((labels) => histogram.labels(...labels))
}

function cached<Child>(make: (labels: readonly string[]) => Child): (...labels: string[]) => Child {
  const known = new Map<string, Child>()
  return (...labels) => {
    const key = labels.join('\n')
    let child = known.get(key)
    if (child === undefined) known.set(key, (child = make(labels)))
    return child
  }
}

/** The first {@link MOST_VALUES} values as they are, later ones as `other`. */
function bounded(): (value: string) => string {
  const seen = new Set<string>()
  return (value) => {
    if (seen.has(value)) return value
    if (seen.size >= MOST_VALUES) return 'other'
    seen.add(value)
    return value
  }
}
