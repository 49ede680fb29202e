import type { ReplayCount } from './replay.ts'

/** Offsets that a log does not have any more; `from` included, `to` excluded. */
interface Loss {
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
}

/** A loss as it is counted: all losses of a partition add up to one count. */
export function lossCount({ partition, from, to }: Loss): ReplayCount {
  return { what: 'unread', of: `partition ${partition}`, as: null, count: Number(to - from), within: { from: `${from}`, to: `${to}` } }
}

/** The losses among the counts, one sentence for each partition. */
export function lossSentences(counts: readonly ReplayCount[]): readonly string[] {
  return counts.filter(({ what }) => what === 'unread').map(lossSentence)
}

function lossSentence({ of, count, within }: ReplayCount): string {
  const are = count === 1 ? 'is no longer in the log and was not read.' : 'are no longer in the log and were not read.'
  if (within === undefined) return `${count} ${count === 1 ? 'offset' : 'offsets'} of ${of} ${are}`
  const [first, last] = [BigInt(within.from), BigInt(within.to) - 1n]
  if (first === last) return `Offset ${first} of ${of} ${are}`
  const isWhole = BigInt(count) === last - first + 1n
  return `${count} offsets of ${of}, ${isWhole ? `from ${first} to ${last}` : `between ${first} and ${last}`}, ${are}`
}
