import type { ReplayCount } from '../../model/replay.ts'
import { REPLAY_CAP } from '../../model/replay.ts'
import type { ReplayEnd, ReplayView } from './replay-admin.ts'
import type { PlannedEnd } from './replay-plan.ts'

/** A number of the plan that the execution did not meet. */
export interface ReplayDifference {
  readonly what: string
  readonly planned: number
  readonly actual: number
}

const unfinished: ReadonlySet<string> = new Set(['pending', 'claimed', 'handing_over', 'ambiguous'])

/** How many intents of the replay are not finished. */
export function unfinishedOf(ends: readonly ReplayEnd[]): number {
  return ends.filter(({ state }) => unfinished.has(state)).reduce((sum, { count }) => sum + count, 0)
}

/**
 * Where the execution differs from the plan: first what was decided about events and effects, once the range is read; then how intents
 * ended. While some are not finished, only those that have ended are compared, and a number is a difference once it exceeds the plan: a smaller
 * one may still grow. The reason of a smaller number is a larger one beside it: of mails that were not sent, what they were skipped as; of
 * effects that were not new, what they are by now.
 */
export function differencesOf(
  view: Pick<ReplayView, 'plan' | 'counts' | 'readAt'>,
  ends: readonly ReplayEnd[],
): readonly ReplayDifference[] {
  if (view.readAt === null) return []
  const decided = compared(countsByName(view.plan.counts), countsByName(view.counts))
  const planned = new Map<string, number>()
  for (const end of view.plan.ends) add(planned, plannedName(end), end.count)
  const actual = new Map<string, number>()
  for (const end of ends) if (end.reason !== REPLAY_CAP && !unfinished.has(end.state)) add(actual, actualName(end), end.count)
  const ended = compared(planned, actual)
  return [...decided, ...(unfinishedOf(ends) === 0 ? ended : ended.filter((one) => one.actual > one.planned))]
}

/** The comparison with the plan in words; they say how much of the execution is compared. */
export function comparisonSentences(
  { readAt }: Pick<ReplayView, 'readAt'>,
  unfinished: number,
  differences: readonly ReplayDifference[],
): readonly string[] {
  if (readAt === null) return ['Differences from the plan are known once the range is read.']
  const found = differences.map((one) => `Differs from the plan: ${differenceSentence(one)}`)
  if (unfinished === 0) return found.length === 0 ? ['No difference from the plan.'] : found
  return [
    'Of the intents, only those that have ended are compared with the plan.',
    ...(found.length === 0 ? ['No difference so far.'] : found),
  ]
}

function differenceSentence({ what, planned, actual }: ReplayDifference): string {
  return `${what}: ${planned} planned, ${actual} ${actual === 1 ? 'is' : 'are'}.`
}

function plannedName({ label, as, reason }: PlannedEnd): string {
  return as === 'skip' ? `${label} skipped as ${reason}` : as === 'dead' ? `${label} dead as ${reason}` : `${label} sent`
}

function actualName({ label, state, reason }: ReplayEnd): string {
  if (state === 'sent' || state === 'delivered') return `${label} sent`
  return reason === null ? `${label} ${state}` : `${label} ${state} as ${reason}`
}

function countsByName(counts: readonly ReplayCount[]): Map<string, number> {
  const names = new Map<string, number>()
  for (const { what, of, as, count } of counts) add(names, as === null ? `${what} ${of}` : `${what} ${of}, ${as}`, count)
  return names
}

function add(sums: Map<string, number>, name: string, count: number): void {
  sums.set(name, (sums.get(name) ?? 0) + count)
}

function compared(planned: ReadonlyMap<string, number>, actual: ReadonlyMap<string, number>): readonly ReplayDifference[] {
  return [...new Set([...planned.keys(), ...actual.keys()])]
    .toSorted()
    .map((what) => ({ what, planned: planned.get(what) ?? 0, actual: actual.get(what) ?? 0 }))
    .filter((one) => one.planned !== one.actual)
}
