import { expectationOf, type Expectation, type Effect } from './expected-effects.ts'
import type { Event } from './envelope.ts'
import type { Group } from './history.ts'
import type { DeadLetterRow, Outcome } from './rows.ts'
import type { StoredRecord, ParsedHistory } from './parsed-history.ts'

/** A record that a group handles, and what the rows say of it. */
export interface TimelineEntry {
  readonly record: StoredRecord
  readonly expectation: Exclude<Expectation, { is: 'skip' }>
  /** The row that resolves it: its own outcome, the outcome of an equal record before it, or a dead letter. */
  readonly resolvedBy: 'outcome' | 'repeat' | 'dead-letter' | 'nothing'
  /** Begin of the transaction that accepted it, epoch milliseconds; for a repeat, a lower bound. Infinity: never. */
  readonly acceptedAt: number
  readonly recovered: boolean
  readonly outcome: Outcome | null
  readonly deadLetter: DeadLetterRow | null
}

/** The log as one group processed it: each record beside the rows that it led to. */
export interface GroupTimeline {
  readonly definition: Group
  /** The group's id. */
  readonly group: string
  /** By partition, in the order of offsets. */
  readonly partitions: ReadonlyMap<number, readonly TimelineEntry[]>
  /** By event id, the record that the event's outcome names. */
  readonly accepted: ReadonlyMap<string, { readonly event: Event; readonly effects: readonly Effect[]; readonly entry: TimelineEntry }>
  /** Ids of events with more than one outcome. */
  readonly duplicated: readonly string[]
  /** Outcomes at offsets where the log holds nothing that this group handles. */
  readonly unmatched: readonly Outcome[]
}

export function groupTimelines(history: ParsedHistory): readonly GroupTimeline[] {
  return history.run.groups.map((group) => timelineOf(history, group))
}

function timelineOf(history: ParsedHistory, definition: Group): GroupTimeline {
  const group = definition.id
  const outcomes = new Map<string, Outcome>()
  const duplicated: string[] = []
  for (const outcome of history.rows.outcomes) {
    if (outcome.group !== group) continue
    if (outcomes.has(outcome.eventId)) duplicated.push(outcome.eventId)
    else outcomes.set(outcome.eventId, outcome)
  }
  const deadLetters = new Map<string, DeadLetterRow>()
  for (const row of history.rows.deadLetters) {
    if (row.group === group && row.topic === history.run.topic) deadLetters.set(`${row.partition}/${row.offset}`, row)
  }

  const partitions = new Map<number, TimelineEntry[]>()
  const accepted = new Map<string, { event: Event; effects: readonly Effect[]; entry: TimelineEntry }>()
  const due = history.records.flatMap((record) => {
    const expectation = expectationOf(definition, record)
    return expectation.is === 'skip' ? [] : [{ record, expectation }]
  })
  const identities = identitiesOf(due, outcomes)
  const matched = new Set<Outcome>()
  for (const { record, expectation } of due) {
    const deadLetter = deadLetters.get(`${record.partition}/${record.offset}`) ?? null
    const outcome = expectation.is === 'accept' ? (outcomes.get(expectation.event.id) ?? null) : null
    const entry = entryOf(record, expectation, deadLetter, outcome, identities)
    if (entry.outcome !== null && isAt(entry.outcome, record)) {
      matched.add(entry.outcome)
      if (expectation.is === 'accept') {
        const effects = expectation.effects ?? entry.outcome.effects.map((key) => ({ is: 'other' as const, key }))
        accepted.set(expectation.event.id, { event: expectation.event, effects, entry })
      }
    }
    const entries = partitions.get(record.partition) ?? []
    entries.push(entry)
    partitions.set(record.partition, entries)
  }
  return {
    definition,
    group,
    partitions,
    accepted,
    duplicated,
    unmatched: [...outcomes.values()].filter((outcome) => !matched.has(outcome)),
  }
}

type Due = { readonly record: StoredRecord; readonly expectation: Exclude<Expectation, { is: 'skip' }> }

/** The identity of the event that was accepted under each id. */
function identitiesOf(due: readonly Due[], outcomes: ReadonlyMap<string, Outcome>): ReadonlyMap<string, string> {
  const identities = new Map<string, string>()
  for (const { record, expectation } of due) {
    if (expectation.is !== 'accept') continue
    const outcome = outcomes.get(expectation.event.id)
    if (outcome !== undefined && isAt(outcome, record)) identities.set(expectation.event.id, expectation.event.identity)
  }
  return identities
}

function entryOf(
  record: StoredRecord,
  expectation: Due['expectation'],
  deadLetter: DeadLetterRow | null,
  outcome: Outcome | null,
  identities: ReadonlyMap<string, string>,
): TimelineEntry {
  const about = { record, expectation, deadLetter, outcome }
  if (outcome !== null && isAt(outcome, record))
    return { ...about, resolvedBy: 'outcome', acceptedAt: outcome.at, recovered: outcome.recovered }
  if (deadLetter !== null) return { ...about, resolvedBy: 'dead-letter', acceptedAt: deadLetter.at, recovered: false }
  if (outcome !== null && expectation.is === 'accept' && identities.get(expectation.event.id) === expectation.event.identity)
    return { ...about, resolvedBy: 'repeat', acceptedAt: outcome.at, recovered: outcome.recovered }
  return { ...about, resolvedBy: 'nothing', acceptedAt: Infinity, recovered: false }
}

export function isAt(outcome: Outcome, record: StoredRecord): boolean {
  return outcome.partition === record.partition && outcome.offset === record.offset
}

/** The group and offset of a record, for messages. */
export function locationOf({ group }: { readonly group: string }, { partition, offset }: { partition: number; offset: number }): string {
  return `${group} at ${partition}/${offset}`
}
