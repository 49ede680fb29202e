import type { ReplayRange } from '../../ingest/replay-job.ts'
import { endSentence, type ReplayPlan } from '../replay/replay-plan.ts'
import type { PartitionMove, ResetPlan } from './reset-plan.ts'

/** Offsets that a preview reads at most, over all partitions. */
const MOST = 10_000

/** Records whose effects a reset brings about again or leaves out, as ranges to rehearse. */
export interface PreviewedRanges {
  readonly ranges: readonly ReplayRange[]
  /** By partition, as the rows will hold after the reset. */
  readonly exemptBelow: ReadonlyMap<number, bigint>
  /** Offsets in `ranges`, and in all that the reset concerns. */
  readonly shown: bigint
  readonly all: bigint
}

/** What is read again; where there are more than a preview reads, as many from the beginning of each partition. */
export function rangesAgain({ moves }: ResetPlan): PreviewedRanges {
  return rangesOf(moves, ({ to, again }) => ({ from: to ?? 0n, count: again }))
}

/** What is skipped without having been read. A group that has never run skips nothing. */
export function rangesUnread({ moves, start }: ResetPlan): PreviewedRanges {
  return rangesOf(start === 'first' ? [] : moves, ({ to, unread }) => ({ from: (to ?? 0n) - unread, count: unread }))
}

function rangesOf(
  moves: readonly PartitionMove[],
  partOf: (move: PartitionMove) => { readonly from: bigint; readonly count: bigint },
): PreviewedRanges {
  const parts = moves.map((move) => ({ ...partOf(move), move })).filter(({ count }) => count > 0n)
  const shares = sharesOf(parts.map(({ count }) => count))
  const ranges = parts.map(({ from, move: { partition } }, index): ReplayRange => {
    return { partition, from, to: from + (shares[index] ?? 0n), next: from }
  })
  return {
    ranges,
    exemptBelow: new Map(parts.map(({ move: { partition, exemptBelow } }) => [partition, exemptBelow])),
    shown: ranges.reduce((sum, { from, to }) => sum + (to - from), 0n),
    all: parts.reduce((sum, { count }) => sum + count, 0n),
  }
}

/** How many of each part are read: all of them where they are few, and otherwise equal shares of what the smaller ones leave. */
function sharesOf(counts: readonly bigint[]): readonly bigint[] {
  const shares = [...counts]
  let left = BigInt(MOST)
  let parts = BigInt(counts.length)
  for (const [index, count] of [...counts.entries()].toSorted(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const share = left / parts
    const taken = count < share ? count : share > 0n ? share : 1n
    shares[index] = taken
    left = taken < left ? left - taken : 0n
    parts--
  }
  return shares
}

/** The effects that a reset would have, and those that it leaves out, in words. */
export function effectSentences(what: 'again' | 'unread', { shown, all }: PreviewedRanges, plan: ReplayPlan): readonly string[] {
  const part = shown === all ? `${all}` : `the first ${shown} of ${all}`
  const records = all === 1n ? 'record' : 'records'
  const head = what === 'again' ? `Reading ${part} ${records} again` : `Reading ${part} ${records} that will be skipped`
  const { effects, ends, people } = plan
  const whom = people === 0 ? '' : `, with mails to ${people} ${people === 1 ? 'person' : 'people'}`
  return [
    `${head} would have ${effects} ${effects === 1 ? 'effect' : 'effects'}${whom}${ends.length === 0 ? '.' : ':'}`,
    ...ends.map((end) => `  ${endSentence(end)}`),
  ]
}
