import { dutyOf, type Duty, type Effect } from './expected.ts'
import type { Event } from './envelope.ts'
import type { Group } from './history.ts'
import type { DeadLetterRow, Outcome } from './rows.ts'
import type { StoredRecord, WholeHistory } from './whole-history.ts'

/** What became of one record that a group had to do something about. */
export interface Entry {
  readonly record: StoredRecord
  readonly duty: Exclude<Duty, { is: 'skip' }>
  /** The row that stands for it: its own, that of an equal record before it, a dead letter. */
  readonly by: 'outcome' | 'repeat' | 'dead-letter' | 'nothing'
  /** Begin of the transaction that accepted it, epoch milliseconds; of a repeat, not before. Infinity: never. */
  readonly acceptedAt: number
  readonly recovered: boolean
  readonly outcome: Outcome | null
  readonly deadLetter: DeadLetterRow | null
}

/** The rows of one group held against the log. */
export interface Ledger {
  readonly of: Group
  /** Its id. */
  readonly group: string
  /** By partition, in the order of offsets. */
  readonly partitions: ReadonlyMap<number, readonly Entry[]>
  /** Of each event the record that stands, by event id: the one that its outcome names. */
  readonly accepted: ReadonlyMap<string, { readonly event: Event; readonly effects: readonly Effect[]; readonly entry: Entry }>
  /** Ids that have more than one outcome. */
  readonly doubled: readonly string[]
  /** Outcomes at places where the log has nothing that this group handles. */
  readonly strays: readonly Outcome[]
}

export function ledgersOf(history: WholeHistory): readonly Ledger[] {
  return history.run.groups.map((group) => ledgerOf(history, group))
}

function ledgerOf(history: WholeHistory, of: Group): Ledger {
  const group = of.id
  const outcomes = new Map<string, Outcome>()
  const doubled: string[] = []
  for (const outcome of history.rows.outcomes) {
    if (outcome.group !== group) continue
    if (outcomes.has(outcome.eventId)) doubled.push(outcome.eventId)
    else outcomes.set(outcome.eventId, outcome)
  }
  const deadLetters = new Map<string, DeadLetterRow>()
  for (const row of history.rows.deadLetters) {
    if (row.group === group && row.topic === history.run.topic) deadLetters.set(`${row.partition}/${row.offset}`, row)
  }

  const partitions = new Map<number, Entry[]>()
  const accepted = new Map<string, { event: Event; effects: readonly Effect[]; entry: Entry }>()
  const due = history.records.flatMap((record) => {
    const duty = dutyOf(of, record)
    return duty.is === 'skip' ? [] : [{ record, duty }]
  })
  const identities = identitiesOf(due, outcomes)
  const placed = new Set<Outcome>()
  for (const { record, duty } of due) {
    const deadLetter = deadLetters.get(`${record.partition}/${record.offset}`) ?? null
    const outcome = duty.is === 'accept' ? (outcomes.get(duty.event.id) ?? null) : null
    const entry = entryOf(record, duty, deadLetter, outcome, identities)
    if (entry.outcome !== null && isAt(entry.outcome, record)) {
      placed.add(entry.outcome)
      if (duty.is === 'accept') {
        const effects = duty.effects ?? entry.outcome.effects.map((key) => ({ is: 'other' as const, key }))
        accepted.set(duty.event.id, { event: duty.event, effects, entry })
      }
    }
    const entries = partitions.get(record.partition) ?? []
    entries.push(entry)
    partitions.set(record.partition, entries)
  }
  return { of, group, partitions, accepted, doubled, strays: [...outcomes.values()].filter((outcome) => !placed.has(outcome)) }
}

type Due = { readonly record: StoredRecord; readonly duty: Exclude<Duty, { is: 'skip' }> }

/** What the event that stands under each id says, by id. */
function identitiesOf(due: readonly Due[], outcomes: ReadonlyMap<string, Outcome>): ReadonlyMap<string, string> {
  const identities = new Map<string, string>()
  for (const { record, duty } of due) {
    if (duty.is !== 'accept') continue
    const outcome = outcomes.get(duty.event.id)
    if (outcome !== undefined && isAt(outcome, record)) identities.set(duty.event.id, duty.event.identity)
  }
  return identities
}

function entryOf(
  record: StoredRecord,
  duty: Due['duty'],
  deadLetter: DeadLetterRow | null,
  outcome: Outcome | null,
  identities: ReadonlyMap<string, string>,
): Entry {
  const about = { record, duty, deadLetter, outcome }
  if (outcome !== null && isAt(outcome, record)) return { ...about, by: 'outcome', acceptedAt: outcome.at, recovered: outcome.recovered }
  if (deadLetter !== null) return { ...about, by: 'dead-letter', acceptedAt: deadLetter.at, recovered: false }
  if (outcome !== null && duty.is === 'accept' && identities.get(duty.event.id) === duty.event.identity)
    return { ...about, by: 'repeat', acceptedAt: outcome.at, recovered: outcome.recovered }
  return { ...about, by: 'nothing', acceptedAt: Infinity, recovered: false }
}

export function isAt(outcome: Outcome, record: StoredRecord): boolean {
  return outcome.partition === record.partition && outcome.offset === record.offset
}

/** A record in a sentence. */
export function placeOf({ group }: { readonly group: string }, { partition, offset }: { partition: number; offset: number }): string {
  return `${group} at ${partition}/${offset}`
}
