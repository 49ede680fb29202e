import type { EntryOf } from './history.ts'
import { isAt, placeOf, type Entry, type Ledger } from './ledger.ts'
import type { Intent } from './rows.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'
import type { StoredRecord, WholeHistory } from './whole-history.ts'

const DAY_MS = 86_400_000

/** What is acknowledged stands in the log, and every record of the log has exactly one end in every group that handles it. */
export function judgeNoLoss(history: WholeHistory, ledgers: readonly Ledger[], findings: Findings): void {
  judgeAcknowledged(history, findings)
  for (const ledger of ledgers) {
    for (const id of ledger.doubled) findings.violated('I1', `${ledger.group} has more than one outcome of event ${id}.`)
    for (const stray of ledger.strays) {
      findings.violated('I1', `${placeOf(ledger, stray)} has an outcome of event ${stray.eventId}, which the log does not hold there.`)
    }
    for (const entries of ledger.partitions.values()) for (const entry of entries) judgeEntry(history, ledger, entry, findings)
    judgeIntents(history, ledger, findings)
  }
  judgeDeadLetters(history, ledgers, findings)
}

/** As often as the same bytes were acknowledged, as often at least they stand in the log. */
function judgeAcknowledged(history: WholeHistory, findings: Findings): void {
  const stored = new Map<string, number>()
  for (const { valueSha256 } of history.records) stored.set(valueSha256, (stored.get(valueSha256) ?? 0) + 1)
  for (const { valueSha256, eventId, at } of history.acked) {
    findings.checked('I1')
    const left = stored.get(valueSha256) ?? 0
    stored.set(valueSha256, left - 1)
    if (left > 0) continue
    findings.count('lost')
    findings.violated('I1', `${nameOf(eventId, valueSha256)} was acknowledged at ${when(at)} and is not in the log.`)
  }
}

function nameOf(eventId: EntryOf<'acked'>['eventId'], sha256: string): string {
  return eventId === null ? `A record with SHA-256 ${sha256.slice(0, 16)}…` : `Event ${eventId}`
}

function judgeEntry(history: WholeHistory, ledger: Ledger, entry: Entry, findings: Findings): void {
  const { record, duty, by, outcome, deadLetter } = entry
  if (by === 'nothing' && !history.run.settles) return
  findings.checked('I1')
  const place = placeOf(ledger, record)
  const event = duty.is === 'accept' ? `event ${duty.event.id}` : 'a record that nobody can read'
  if (by === 'nothing') {
    findings.count('lost')
    return findings.violated('I1', `${place} has no outcome and no dead letter of ${event}.`)
  }
  if (duty.is === 'give-up') return
  if (by === 'repeat') {
    findings.count('repeats')
    if (outcome !== null && outcome.partition === record.partition && outcome.offset > record.offset)
      findings.violated('I1', `${place} stands ${event}, and its outcome names the later offset ${outcome.offset}.`)
    return
  }
  if (by === 'dead-letter' && wasPublishedAgain(history, ledger, entry)) return
  if (by === 'dead-letter' && deadLetter?.reason !== 'id-conflict')
    return findings.violated('I1', `${place} is a dead letter (${deadLetter?.reason ?? ''}), and ${event} there is sound.`)
  if (by === 'dead-letter') {
    if (outcome === null) findings.violated('I1', `${place} is a dead letter as id-conflict, and no other outcome of ${event} exists.`)
    return
  }
  if (outcome?.outcome === 'dead-letter') {
    if (deadLetter === null) return findings.violated('I1', `${place} has the outcome dead-letter of ${event} and no dead letter.`)
    if (!mayBeGivenUp(deadLetter.reason, record, history))
      findings.violated('I1', `${place} is a dead letter (${deadLetter.reason}), and ${event} there is sound.`)
    return
  }
  if (deadLetter !== null) findings.violated('I1', `${place} has an outcome of ${event} and a dead letter (${deadLetter.reason}).`)
  if (duty.effects === null) return
  const keys = duty.effects.map(({ key }) => key).toSorted()
  if (outcome !== null && outcome.effects.toSorted().join(' ') !== keys.join(' '))
    findings.violated(
      'I1',
      `${place} has the effects ${outcome.effects.join(' ') || '(none)'} of ${event} instead of ${keys.join(' ') || '(none)'}.`,
    )
}

/**
 * In a group that keeps rows of its own, an event that was given up may be published again under its id, and its outcome then names the
 * later record. The dead letter itself must still have been right.
 */
function wasPublishedAgain(history: WholeHistory, { of }: Ledger, { record, outcome, deadLetter }: Entry): boolean {
  if (of.counts === undefined || outcome === null || deadLetter === null || outcome.at < deadLetter.at) return false
  if (outcome.partition === record.partition && outcome.offset < record.offset) return false
  return mayBeGivenUp(deadLetter.reason, record, history)
}

/** Reasons that may lie in an event that can be read. */
function mayBeGivenUp(reason: string, record: StoredRecord, history: WholeHistory): boolean {
  if (reason === 'older-than-dedupe-window') return history.run.at - record.timestamp > DAY_MS
  if (reason !== 'database-rejected' || record.reading.is !== 'event') return false
  // PostgreSQL takes no NUL and no half of a surrogate pair in jsonb.
  return Object.values(record.reading.event.data).some(
    (value) => typeof value === 'string' && (value.includes('\0') || !value.isWellFormed()),
  )
}

/** Every effect of every event is one row; no row is without an event. The mails of broadcasts are judged with the mails. */
function judgeIntents(history: WholeHistory, ledger: Ledger, findings: Findings): void {
  const rows = new Map<string, Intent>()
  for (const intent of history.rows.intents) {
    if (intent.group !== ledger.group) continue
    if (history.run.settles && unfinished.has(intent.state))
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
  for (const [id, { effects, entry }] of ledger.accepted) {
    const ended = entry.outcome?.outcome
    if (ended === 'dead-letter') continue
    for (const { key, is } of effects) {
      const passing = is === 'coalesced'
      if (ended === 'accepted' && !passing) {
        const other = makers.get(key)
        if (other !== undefined) findings.violated('I1', `Events ${other} and ${id} are both recorded as the one that made ${key}.`)
        makers.set(key, id)
      }
      if (!passing && !rows.has(key)) findings.violated('I1', `${ledger.group} accepted event ${id}, and ${key} does not exist.`)
    }
    if (ended === 'no-effect' && effects.length > 0)
      findings.violated('I1', `${ledger.group} recorded no effect of event ${id}, which has ${effects.length}.`)
  }
  for (const [id, { effects, entry }] of ledger.accepted) {
    if (entry.outcome?.outcome !== 'duplicate') continue
    findings.count('duplicates')
    if (!effects.every(({ key }) => makers.has(key)))
      findings.violated('I1', `${ledger.group} recorded event ${id} as a duplicate, and no other event made what it does.`)
  }
  for (const [key, intent] of rows) {
    const ofBroadcast =
      intent.eventId !== null && key.startsWith(`mail:${intent.eventId}:milestone:`) && makers.has(`broadcast:${intent.eventId}`)
    if (!makers.has(key) && !ofBroadcast) findings.violated('I1', `${ledger.group} holds ${key}, which no accepted event made.`)
  }
}

const unfinished: ReadonlySet<string> = new Set(['pending', 'claimed', 'handing_over', 'ambiguous'])

/** One row per position, and at least one record with the same bytes in the group's dead-letter topic. */
function judgeDeadLetters(history: WholeHistory, ledgers: readonly Ledger[], findings: Findings): void {
  const published = new Map<string, string[]>()
  for (const record of history.deadLetterRecords) {
    const headers = record.headers
    const place = [headers['dlq-consumer-group'], headers['dlq-original-partition'], headers['dlq-original-offset']].join('/')
    const kept = headers['value-omitted'] === 'true' ? 'omitted' : record.valueSha256
    published.set(place, [...(published.get(place) ?? []), kept])
  }
  const bytes = new Map(history.records.map((record) => [`${record.partition}/${record.offset}`, record]))
  const groups = new Map(ledgers.map((ledger) => [ledger.group, ledger]))
  const seen = new Set<string>()
  for (const row of history.rows.deadLetters) {
    const ledger = groups.get(row.group)
    if (ledger === undefined || row.topic !== history.run.topic) continue
    findings.checked('I1')
    findings.count('deadLetters')
    const place = `${row.group}/${row.partition}/${row.offset}`
    if (seen.has(place)) findings.violated('I1', `${placeOf(ledger, row)} is counted as a dead letter more than once.`)
    seen.add(place)
    const record = bytes.get(`${row.partition}/${row.offset}`)
    const entry = ledger.partitions.get(row.partition)?.find(({ record }) => record.offset === row.offset)
    if (record === undefined || entry === undefined) {
      findings.violated('I1', `${placeOf(ledger, row)} is a dead letter (${row.reason}) of nothing that the group handles.`)
      continue
    }
    if (entry.outcome !== null && isAt(entry.outcome, record) && entry.outcome.outcome !== 'dead-letter') continue
    if (published.get(place)?.some((kept) => kept === 'omitted' || kept === record.valueSha256) !== true)
      findings.violated('I1', `${placeOf(ledger, row)} is a dead letter (${row.reason}), and its topic does not hold these bytes.`)
  }
  if (!history.run.settles) return
  for (const place of published.keys()) {
    if (!seen.has(place)) findings.violated('I1', `A dead letter of ${place} was published and never counted.`)
  }
}
