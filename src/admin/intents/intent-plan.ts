import type { IntentState } from '../../model/intent.ts'
import type { Pause } from '../../model/pause.ts'
import { asSentence, OperatorError } from '../../std/failure.ts'
import { awaySentence } from '../explain-event.ts'
import { pausedClause, pauseOfIntent } from '../pauses/pause-clause.ts'
import type { Foreseen } from '../replay/foresee.ts'
import { subjectsInWords, SubjectTally } from '../replay/foreseen-subjects.ts'
import { endSentence, PlanTally, type PlannedEnd } from '../replay/replay-plan.ts'
import type { CountedKind, IntentChange, IntentFilter, IntentLine, IntentPreview, StateCount } from './intent-admin.ts'

/** What a verb may be done to. Running ones never: their worker would write over it, or hand over what was cancelled. */
const from: Readonly<Record<IntentChange, readonly IntentState[]>> = {
  retry: ['dead', 'rejected', 'skipped', 'cancelled', 'ambiguous', 'held'],
  hurry: ['pending'],
  cancel: ['pending', 'ambiguous', 'held'],
  'mark-sent': ['held'],
}

const running: ReadonlySet<IntentState> = new Set(['claimed', 'handing_over'])

export interface IntentPlan {
  readonly change: IntentChange
  /** The given filter, narrowed to what may be changed. */
  readonly filter: IntentFilter
  /** How many will be changed. */
  readonly count: number
  /** How many the narrowed filter finds: those, and forgotten ones. */
  readonly found: number
  /** What will be changed, by state. */
  readonly states: readonly { readonly state: IntentState; readonly count: number }[]
  /** Matching ones that are left alone, and why. */
  readonly left: readonly string[]
}

/**
 * What of the matching intents a verb will change.
 *
 * @throws {OperatorError} when intents named by id cannot be changed, or when more match than `limit`.
 */
export function planIntents(change: IntentChange, filter: IntentFilter, counts: readonly StateCount[], limit: number): IntentPlan {
  const able = from[change]
  const fits = ({ state, forgotten, coalesce }: StateCount) => able.includes(state) && !(change === 'retry' && (forgotten || coalesce))
  const taken = counts.filter(fits)
  const left = counts.filter((one) => !fits(one)).map((one) => leftSentence(change, one))
  const count = sum(taken)
  if (filter.ids.length > 0 && left.length > 0) {
    throw new OperatorError(`Not all of these can be changed: ${left.join('; ')}. Nothing was changed.`)
  }
  if (count > limit) {
    throw new OperatorError(
      `${count} intents match, more than --limit ${limit}: narrow the filter, or raise --limit if all of them are meant. Nothing was changed.`,
    )
  }
  const states = [...new Set(taken.map(({ state }) => state))]
  return {
    change,
    filter: { ...filter, states: filter.states.length === 0 ? able : able.filter((state) => filter.states.includes(state)) },
    count,
    found: sum(counts.filter(({ state }) => able.includes(state))),
    states: states.map((state) => ({ state, count: sum(taken.filter((one) => one.state === state)) })),
    left,
  }
}

/** @throws {OperatorError} naming the ids that no intent has, or none that the filter selects. */
export function requireEveryId(ids: readonly string[], found: readonly Pick<IntentLine, 'id'>[]): void {
  const known = new Set(found.map(({ id }) => id))
  const missing = ids.filter((id) => !known.has(id))
  if (missing.length === 0) return
  throw new OperatorError(
    `No intent that matches has the id ${missing.join(', ')}: "intents list" shows those that there are. Nothing was changed.`,
  )
}

/** Whether an intent that the narrowed filter found is one of those that will be changed. */
export function isPlanned({ change }: IntentPlan, { reason, coalesce }: Pick<IntentLine, 'reason' | 'coalesce'>): boolean {
  return change !== 'retry' || (reason !== 'forgotten' && !coalesce)
}

/** What the plan will do, in words. */
export function planSentences({ change, count, states, left }: IntentPlan): readonly string[] {
  const doubt = states.some(({ state }) => state === 'held' || state === 'ambiguous')
  const parts = states.map((one) => `${one.count} ${one.state}`).join(', ')
  return [
    count === 0
      ? `Nothing that matches can be ${done[change]}.`
      : `${count} ${count === 1 ? 'intent' : 'intents'} will be ${done[change]}: ${parts}.`,
    ...(change === 'retry' && doubt ? ['Mails in doubt may have been sent already; a second copy has the same bytes and Message-ID.'] : []),
    ...(change === 'cancel' && doubt ? ['Mails in doubt may have been sent already; cancelling only stops further attempts.'] : []),
    ...left.map((sentence) => `Left alone: ${sentence}.`),
  ]
}

/** Intents that a preview prepares at most, and whose subjects it renders. */
export const PREVIEWED = 10_000

/** Adds the subjects of those that would be sent. */
export function previewOf(kinds: readonly CountedKind[], foreseen: readonly Foreseen[]): readonly IntentPreview[] {
  const tallies = new Map<string, SubjectTally>()
  for (const { label, subject } of foreseen) {
    if (subject === null) continue
    const tally = tallies.get(label) ?? new SubjectTally()
    tally.add(subject)
    tallies.set(label, tally)
  }
  return kinds.map((one) => ({ ...one, ...(tallies.get(nameOf(one)) ?? new SubjectTally()).result() }))
}

/**
 * Those that the change makes due and that would not be sent, because they end skipped or dead again, or would wait: counted by kind and reason.
 * None of a change that makes nothing due.
 */
export function unsentOf(change: IntentChange, foreseen: readonly Foreseen[]): readonly PlannedEnd[] {
  if (change !== 'retry' && change !== 'hurry') return []
  const tally = new PlanTally(() => false)
  tally.add(
    [],
    foreseen.filter(({ as }) => as !== 'send'),
  )
  return tally.plan().ends
}

/** Of the intents that a change makes due, how many wait all the same, for a pause or a destination that is away. */
export function waitingOf(
  change: IntentChange,
  seen: readonly IntentLine[],
  pauses: readonly Pause[],
): readonly { readonly count: number; readonly because: string }[] {
  if (change !== 'retry' && change !== 'hurry') return []
  const counts = new Map<string, number>()
  for (const intent of seen) {
    const pause = pauseOfIntent(pauses, { ...intent, state: 'pending', detail: null, eventType: null })
    const because = pause === null ? awaySentence(intent).trim() : asSentence(pausedClause(pause))
    if (because !== '') counts.set(because, (counts.get(because) ?? 0) + 1)
  }
  return [...counts].map(([because, count]) => ({ count, because }))
}

/**
 * What the intents are that will be changed: kinds, people and subjects, one line each; and which of them would not be sent, or would wait, and
 * why.
 */
export function previewSentences(
  previews: readonly IntentPreview[],
  unsent: readonly PlannedEnd[],
  waiting: ReturnType<typeof waitingOf> = [],
): readonly string[] {
  const all = previews.reduce((total, { count }) => total + count, 0)
  return [
    ...previews.map((one) => {
      const whom = one.people === 0 ? '' : ` to ${one.people} ${one.people === 1 ? 'person' : 'people'}`
      return `  ${one.count} ${nameOf(one)}${whom}${subjectsInWords(one)}`
    }),
    ...unsent.map((end) => `Of these, ${endSentence(end)}`),
    ...waiting.map(({ count, because }) => `Of these, ${count} ${count === 1 ? 'waits' : 'wait'} for now. ${because}`),
    ...(all > PREVIEWED ? [`Subjects, and what would not be sent, are those of the newest ${PREVIEWED}.`] : []),
  ]
}

function nameOf({ kind, type }: CountedKind): string {
  return type === null ? kind : `${kind} ${type}`
}

export const done: Readonly<Record<IntentChange, string>> = {
  retry: 'retried',
  hurry: 'made due now',
  cancel: 'cancelled',
  'mark-sent': 'marked as sent',
}

function leftSentence(change: IntentChange, { state, forgotten, count }: StateCount): string {
  const who = `${count} ${count === 1 ? 'is' : 'are'} ${forgotten && change === 'retry' ? 'forgotten' : state}`
  if (running.has(state)) return `${who}, held by a worker (try again later)`
  if (forgotten && change === 'retry') return `${who}: erased intents cannot be retried`
  if (change === 'retry' && state === 'pending') return `${who} (--now makes ${count === 1 ? 'it' : 'them'} due at once)`
  return change === 'mark-sent' ? `${who}, and only held ones can be marked as sent` : who
}

function sum(counts: readonly { readonly count: number }[]): number {
  return counts.reduce((total, { count }) => total + count, 0)
}
