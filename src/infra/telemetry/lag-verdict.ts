/** How a group stands on a partition, in a word; the worst first, in the order in which a group takes the word of its partitions. */
export const lagWords = [
  'stopped',
  'data-lost',
  'no-member',
  'stalled',
  'falling-behind',
  'breaker-open',
  'paused',
  'intents-late',
  'catching-up',
  'ok',
] as const

export type LagWord = (typeof lagWords)[number]

export interface LagVerdict {
  readonly word: LagWord
  readonly sentence: string
}

/** One measurement of one partition; the end of the log is asked for on its own, whether or not anybody commits. */
export interface LagSample {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly low: bigint
  readonly high: bigint
  /** Null when the group has never committed there. */
  readonly committed: bigint | null
}

/** What is known of the group besides its numbers. */
export interface LagCircumstances {
  /** Members of the group in all processes; null when nobody could be asked. */
  readonly members: number | null
  /** Why it does not fetch, by intention; null while it does. */
  readonly paused: string | null
  /** What an open breaker keeps from going out; null while none is open. */
  readonly breaker: string | null
}

/** A lag below both of these is how a healthy group looks between two commits. */
const FLOOR_RECORDS = 10n
const FLOOR_MS = 10_000
/** Who has not moved for so long does not move. */
export const LAG_WINDOW_MS = 60_000
/** Measurements come when they come: the oldest of the window is seldom exactly as old as that. */
const SLACK_MS = 10_000

/**
 * The verdict on one partition, after LinkedIn's Burrow (github.com/linkedin/Burrow/wiki/Consumer-Lag-Evaluation-Rules), but
 * independent of how often anybody commits, aware of intended pauses, and calm about a handful of records.
 *
 * @param samples oldest first, over about {@link LAG_WINDOW_MS}
 */
export function partitionVerdict(samples: readonly LagSample[], { members, paused, breaker }: LagCircumstances): LagVerdict {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined) return { word: 'ok', sentence: 'It has not been measured yet.' }
  const at = last.committed ?? last.low
  if (last.committed !== null && at < last.low)
    return { word: 'data-lost', sentence: `Records ${at} to ${last.low - 1n} were deleted before they were read.` }
  if (at > last.high)
    return { word: 'data-lost', sentence: `The log ends at ${last.high}, before the position ${at}: the topic was made anew or truncated.` }
  const lag = last.high - at
  if (members === 0) return { word: 'no-member', sentence: `No process reads it; behind by ${records(lag)}.` }
  if (lag === 0n) return { word: 'ok', sentence: 'All is read.' }
  if (paused !== null && breaker !== null)
    return {
      word: 'breaker-open',
      sentence: `Behind by ${records(lag)} because ${breaker}, and the group waits for its backlog (${paused}).`,
    }
  if (paused !== null) return { word: 'paused', sentence: `Behind by ${records(lag)} because the group is paused: ${paused}.` }

  const began = first.committed ?? first.low
  const seconds = Math.round((last.at - first.at) / 1_000)
  // Something was there to be read all the time, and nothing was.
  if (at === began && first.high > began && last.at - first.at >= LAG_WINDOW_MS - SLACK_MS)
    return { word: 'stalled', sentence: `Behind by ${records(lag)}, and none was read for ${seconds} s.` }
  const consumed = at - began
  const produced = last.high - first.high
  if (lag <= FLOOR_RECORDS || wasEndWithin(samples, at, last.at - FLOOR_MS)) return { word: 'ok', sentence: `${records(lag)} on the way.` }
  const rates = `Behind by ${records(lag)}; ${consumed} were read and ${produced} written in ${seconds} s.`
  return consumed > produced ? { word: 'catching-up', sentence: rates } : { word: 'falling-behind', sentence: rates }
}

/** Work that has been due for so long is late, however well the log is read. Milliseconds. */
const LATE_MS = 120_000

/**
 * The verdict on a group: the worst of its partitions, with how many there are of that kind; or, where those are read, that what
 * was accepted is not done in time or cannot go out.
 *
 * @param due how long the oldest due intent of each channel has been due
 * @param away why nothing of what the group sends goes out, in a sentence; null while it does
 */
export function groupVerdict(
  partitions: ReadonlyMap<number, LagVerdict>,
  due: readonly { readonly channel: string; readonly ms: number }[] = [],
  away: string | null = null,
): LagVerdict {
  const verdict = worstOf(partitions)
  const isRead = verdict.word === 'ok' || verdict.word === 'catching-up'
  if (isRead && away !== null) return { word: 'breaker-open', sentence: `The log is read, but mails wait: ${away}` }
  const oldest = due.toSorted((one, other) => other.ms - one.ms)[0]
  if (oldest === undefined || oldest.ms <= LATE_MS || !isRead) return verdict
  const minutes = Math.floor(oldest.ms / 60_000)
  return {
    word: 'intents-late',
    sentence: `The log is read, but work of the ${oldest.channel} channel has been due for ${minutes} minutes and is not done.`,
  }
}

function worstOf(partitions: ReadonlyMap<number, LagVerdict>): LagVerdict {
  const worst = lagWords.find((word) => [...partitions.values()].some((verdict) => verdict.word === word)) ?? 'ok'
  const alike = [...partitions].filter(([, { word }]) => word === worst)
  const [first] = alike
  if (first === undefined || worst === 'ok') return { word: 'ok', sentence: 'Every partition is read to its end, or nearly.' }
  const where = alike.length === 1 ? `Partition ${first[0]}` : `${alike.length} partitions, the first being ${first[0]}`
  return { word: worst, sentence: `${where}: ${first[1].sentence}` }
}

/** Whether the log ended at or before `position` at some time from `since` on: then nothing read is older than that. */
function wasEndWithin(samples: readonly LagSample[], position: bigint, since: number): boolean {
  return samples.some((sample) => sample.at >= since && sample.high <= position)
}

function records(count: bigint): string {
  return count === 1n ? '1 record' : `${count} records`
}
