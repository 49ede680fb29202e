import { textsWritten } from './expected-effects.ts'
import type { EntryOf, Group } from './history.ts'
import { isAt, locationOf, type TimelineEntry, type GroupTimeline } from './group-timeline.ts'
import type { Intent } from './rows.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'
import type { StoredRecord, ParsedHistory } from './parsed-history.ts'

const DAY_MS = 86_400_000

/** Every acknowledged record is in the log, and every record of the log has exactly one outcome in every group that handles it. */
export function checkNoLoss(history: ParsedHistory, timelines: readonly GroupTimeline[], findings: Findings): void {
  checkAcknowledged(history, findings)
  for (const timeline of timelines) {
    for (const id of timeline.duplicated) findings.violated('I1', `${timeline.group} has more than one outcome of event ${id}.`)
    for (const stray of timeline.unmatched) {
      findings.violated('I1', `${locationOf(timeline, stray)} has an outcome of event ${stray.eventId}, which the log does not hold there.`)
    }
    for (const entries of timeline.partitions.values()) for (const entry of entries) checkEntry(history, timeline, entry, findings)
    checkIntents(history, timeline, findings)
  }
  checkDeadLetters(history, timelines, findings)
}

/** The log holds the same bytes at least as often as they were acknowledged. */
function checkAcknowledged(history: ParsedHistory, findings: Findings): void {
  const stored = new Map<string, number>()
  for (const { valueSha256 } of history.records) stored.set(valueSha256, (stored.get(valueSha256) ?? 0) + 1)
  for (const { valueSha256, eventId, at } of history.acked) {
    findings.checked('I1')
    const left = stored.get(valueSha256) ?? 0
    stored.set(valueSha256, left - 1)
    if (left > 0) continue
    findings.count('lost')
    findings.violated('I1', `${nameOf(eventId, valueSha256)} was acknowledged at ${formatTime(at)} and is not in the log.`)
  }
}

function nameOf(eventId: EntryOf<'acked'>['eventId'], sha256: string): string {
  return eventId === null ? `A record with SHA-256 ${sha256.slice(0, 16)}…` : `Event ${eventId}`
}

function checkEntry(history: ParsedHistory, timeline: GroupTimeline, entry: TimelineEntry, findings: Findings): void {
  const { record, expectation, resolvedBy, outcome, deadLetter } = entry
  if (resolvedBy === 'nothing' && !history.run.drains) return
  findings.checked('I1')
  const location = locationOf(timeline, record)
  const event = expectation.is === 'accept' ? `event ${expectation.event.id}` : 'an unreadable record'
  if (resolvedBy === 'nothing') {
    findings.count('lost')
    return findings.violated('I1', `${location} has no outcome and no dead letter of ${event}.`)
  }
  if (expectation.is === 'dead-letter') return
  if (resolvedBy === 'repeat') {
    findings.count('repeats')
    if (outcome !== null && outcome.partition === record.partition && outcome.offset > record.offset)
      findings.violated('I1', `${location} holds ${event}, and its outcome names the later offset ${outcome.offset}.`)
    return
  }
  if (resolvedBy === 'dead-letter' && wasPublishedAgain(history, timeline, entry)) return
  if (resolvedBy === 'dead-letter' && deadLetter?.reason !== 'id-conflict')
    return findings.violated('I1', `${location} is a dead letter (${deadLetter?.reason ?? ''}), and ${event} there is valid.`)
  if (resolvedBy === 'dead-letter') {
    if (outcome === null) findings.violated('I1', `${location} is a dead letter as id-conflict, and no other outcome of ${event} exists.`)
    return
  }
  if (outcome?.outcome === 'dead-letter') {
    if (deadLetter === null) return findings.violated('I1', `${location} has the outcome dead-letter of ${event} and no dead letter.`)
    if (!mayBeGivenUp(timeline.definition, deadLetter.reason, record, history))
      findings.violated('I1', `${location} is a dead letter (${deadLetter.reason}), and ${event} there is valid.`)
    return
  }
  if (deadLetter !== null) findings.violated('I1', `${location} has an outcome of ${event} and a dead letter (${deadLetter.reason}).`)
  if (expectation.effects === null) return
  const keys = expectation.effects.map(({ key }) => key).toSorted()
  if (outcome !== null && outcome.effects.toSorted().join(' ') !== keys.join(' '))
    findings.violated(
      'I1',
      `${location} has the effects ${outcome.effects.join(' ') || '(none)'} of ${event} instead of ${keys.join(' ') || '(none)'}.`,
    )
}

/**
 * In a group that keeps rows of its own, a dead-lettered event may be published again under its id, and its outcome then names the
 * later record. The dead letter itself must still have been justified.
 */
function wasPublishedAgain(history: ParsedHistory, { definition }: GroupTimeline, { record, outcome, deadLetter }: TimelineEntry): boolean {
  if (!definition.projects || outcome === null || deadLetter === null || outcome.at < deadLetter.at) return false
  if (outcome.partition === record.partition && outcome.offset < record.offset) return false
  return mayBeGivenUp(definition, deadLetter.reason, record, history)
}

/** Whether the reason can apply to an event that is readable. */
function mayBeGivenUp(group: Group, reason: string, record: StoredRecord, history: ParsedHistory): boolean {
  if (reason === 'older-than-dedupe-window') return history.run.at - record.timestamp > DAY_MS
  if (reason !== 'database-rejected' || record.reading.is !== 'event') return false
  const { type, data } = record.reading.event
  const written = textsWritten(group, type) ?? Object.keys(data)
  // PostgreSQL accepts neither NUL nor an unpaired surrogate in jsonb.
  return written.some((field) => {
    const value = data[field]
    return typeof value === 'string' && (value.includes('\0') || !value.isWellFormed())
  })
}

/** Every effect of every event is one row, and every row belongs to an event. The mails of broadcasts are checked with the mails. */
function checkIntents(history: ParsedHistory, timeline: GroupTimeline, findings: Findings): void {
  const rows = new Map<string, Intent>()
  for (const intent of history.rows.intents) {
    if (intent.group !== timeline.group) continue
    if (history.run.drains && unfinished.has(intent.state))
      findings.violated(
        'I1',
        `${intent.key} of ${intent.group} is still ${intent.state}${intent.reason === null ? '' : ` (${intent.reason})`}.`,
      )
    if (intent.coalesce) continue
    findings.checked('I1')
    if (rows.has(intent.key)) findings.violated('I1', `${intent.group} holds ${intent.key} more than once.`)
    rows.set(intent.key, intent)
  }
  const makers = new Map<string, string>()
  for (const [id, { effects, entry }] of timeline.accepted) {
    const result = entry.outcome?.outcome
    if (result === 'dead-letter') continue
    for (const { key, is } of effects) {
      const isCoalesced = is === 'coalesced'
      if (result === 'accepted' && !isCoalesced) {
        const other = makers.get(key)
        if (other !== undefined) findings.violated('I1', `Events ${other} and ${id} are both recorded as the origin of ${key}.`)
        makers.set(key, id)
      }
      if (!isCoalesced && !rows.has(key)) findings.violated('I1', `${timeline.group} accepted event ${id}, and ${key} does not exist.`)
    }
    if (result === 'no-effect' && effects.length > 0)
      findings.violated('I1', `${timeline.group} recorded no effect of event ${id}, which has ${effects.length}.`)
  }
  for (const [id, { effects, entry }] of timeline.accepted) {
    if (entry.outcome?.outcome !== 'duplicate') continue
    findings.count('duplicates')
    if (!effects.every(({ key }) => makers.has(key)))
      findings.violated('I1', `${timeline.group} recorded event ${id} as a duplicate, and no other event has the same effects.`)
  }
  for (const [key, intent] of rows) {
    const ofBroadcast =
      intent.eventId !== null && key.startsWith(`mail:${intent.eventId}:milestone:`) && makers.has(`broadcast:${intent.eventId}`)
    if (!makers.has(key) && !ofBroadcast) findings.violated('I1', `${timeline.group} holds ${key}, which no accepted event made.`)
  }
}

const unfinished: ReadonlySet<string> = new Set(['pending', 'claimed', 'handing_over', 'ambiguous'])

/** One row per offset, and at least one record with the same bytes in the group's dead-letter topic. */
function checkDeadLetters(history: ParsedHistory, timelines: readonly GroupTimeline[], findings: Findings): void {
  const published = new Map<string, string[]>()
  for (const record of history.deadLetterRecords) {
    const headers = record.headers
    const source = [headers['dlq-consumer-group'], headers['dlq-original-partition'], headers['dlq-original-offset']].join('/')
    const kept = headers['value-omitted'] === 'true' ? 'omitted' : record.valueSha256
    published.set(source, [...(published.get(source) ?? []), kept])
  }
  const bytes = new Map(history.records.map((record) => [`${record.partition}/${record.offset}`, record]))
  const groups = new Map(timelines.map((timeline) => [timeline.group, timeline]))
  const seen = new Set<string>()
  for (const row of history.rows.deadLetters) {
    const timeline = groups.get(row.group)
    if (timeline === undefined || row.topic !== history.run.topic) continue
    findings.checked('I1')
    findings.count('deadLetters')
    const source = `${row.group}/${row.partition}/${row.offset}`
    if (seen.has(source)) findings.violated('I1', `${locationOf(timeline, row)} is counted as a dead letter more than once.`)
    seen.add(source)
    const record = bytes.get(`${row.partition}/${row.offset}`)
    const entry = timeline.partitions.get(row.partition)?.find(({ record }) => record.offset === row.offset)
    if (record === undefined || entry === undefined) {
      findings.violated('I1', `${locationOf(timeline, row)} is a dead letter (${row.reason}) of a record that the group does not handle.`)
      continue
    }
    if (entry.outcome !== null && isAt(entry.outcome, record) && entry.outcome.outcome !== 'dead-letter') continue
    if (published.get(source)?.some((kept) => kept === 'omitted' || kept === record.valueSha256) !== true)
      findings.violated('I1', `${locationOf(timeline, row)} is a dead letter (${row.reason}), and its topic does not hold these bytes.`)
  }
  if (!history.run.drains) return
  for (const source of published.keys()) {
    if (!seen.has(source)) findings.violated('I1', `A dead letter of ${source} was published and never counted.`)
  }
}
