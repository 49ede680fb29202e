import type { Intent } from './intent.ts'

/** Which events of a range are replayed; an empty list selects everything. */
export interface ReplayFilter {
  readonly types: readonly string[]
  readonly campaigns: readonly string[]
  /** Events whose `data` names one of these people. */
  readonly users: readonly string[]
  readonly events: readonly string[]
}

/**
 * What a replay did, or would do, counted.
 *
 * - `event`: a selected event of the type `of`, by its outcome
 * - `failed`: a record that could not be decided, by its type and reason
 * - `new`: an intent that did not exist
 * - `revived`: an intent that had ended without effect, by what it had ended as
 * - `spent`: an effect that exists and is left alone, by its state
 * - `capped`: one of those that are new or revived, skipped because its person has had enough mails of replays
 * - `recalculation`: a request to recalculate a leaderboard
 * - `unread`: an offset of the partition `of` that the log did not have any more, `within` which range
 * - `projected`: an event that a projecting group takes into its own rows
 */
export interface ReplayCount {
  readonly what: 'event' | 'failed' | 'new' | 'revived' | 'spent' | 'capped' | 'recalculation' | 'unread' | 'projected'
  /** A type of event, or the label of an intent. */
  readonly of: string
  readonly as: string | null
  readonly count: number
  /** The offsets that are counted are in this range, `from` included, `to` excluded; others in it may have been read. Absent where it is not known. */
  readonly within?: { readonly from: string; readonly to: string }
}

/** The reason of intents that wait for their turn in a replay. */
export const REPLAY_WAITING = 'replay-waiting'

/** The reason of intents that a replay skipped because their person had enough mails of replays within a day. */
export const REPLAY_CAP = 'replay-cap'

/** How an operator and the reports call an intent: its kind, and of a mail its type. */
export function labelOf(intent: { readonly kind: string; readonly data: Readonly<Record<string, unknown>> }): string {
  const type = intent.data['type']
  return typeof type === 'string' ? `${intent.kind} ${type}` : intent.kind
}

/** The sum of counts, one for each `what`, `of` and `as`, in a fixed order. */
export function sumCounts(...lists: readonly (readonly ReplayCount[])[]): readonly ReplayCount[] {
  const sums = new Map<string, ReplayCount>()
  for (const one of lists.flat()) {
    const key = keyOf(one)
    const sum = sums.get(key)
    sums.set(key, sum === undefined ? one : sumOf(sum, one))
  }
  return [...sums]
    .filter(([, { count }]) => count > 0)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, count]) => count)
}

function sumOf(one: ReplayCount, other: ReplayCount): ReplayCount {
  const { what, of, as } = one
  const sum = { what, of, as, count: one.count + other.count }
  if (one.within === undefined || other.within === undefined) return sum
  const [from] = [one.within.from, other.within.from].toSorted(byOffset)
  const [, to] = [one.within.to, other.within.to].toSorted(byOffset)
  return from === undefined || to === undefined ? sum : { ...sum, within: { from, to } }
}

function byOffset(one: string, other: string): number {
  return Number(BigInt(one) - BigInt(other))
}

function keyOf({ what, of, as }: ReplayCount): string {
  return `${what}\u0000${of}\u0000${as ?? ''}`
}

/** What a dry run found out about one chunk. */
export interface Rehearsed {
  readonly counts: readonly ReplayCount[]
  /** Intents that would wait for their turn. */
  readonly intents: readonly Intent[]
}
