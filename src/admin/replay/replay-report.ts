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
 * ended. An intent that is not finished is no difference yet. The reason of a smaller number is a larger one beside it: of mails that were not
 * sent, what they were skipped as; of effects that were not new, what they are by now.
 */
export function differencesOf(
  view: Pick<ReplayView, 'plan' | 'counts' | 'readAt'>,
  ends: readonly ReplayEnd[],
): readonly ReplayDifference[] {
  const decided = view.readAt === null ? [] : compared(countsByName(view.plan.counts), countsByName(view.counts))
  const planned = new Map<string, number>()
  for (const end of view.plan.ends) add(planned, plannedName(end), end.count)
  const actual = new Map<string, number>()
  for (const end of ends) {
    if (end.reason === REPLAY_CAP) continue
    // Until it is finished, it counts as what was planned.
    if (unfinished.has(end.state)) add(actual, `${end.label} sent`, end.count)
    else add(actual, actualName(end), end.count)
  }
  if (view.readAt === null) return []
  return [...decided, ...compared(planned, actual)]
}

/** The differences in words. */
export function differenceSentence({ what, planned, actual }: ReplayDifference): string {
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
