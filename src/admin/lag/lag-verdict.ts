import { DAY_MS } from '../../std/day.ts'

/** Verdicts on a partition, worst first: a group has the worst verdict of its partitions. */
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

/** One measurement of one partition; the end of the log is measured whether or not the group commits. */
export interface LagSample {
  /** Milliseconds of a monotonic clock. */
  readonly at: number
  readonly low: bigint
  readonly high: bigint
  /** Null when the group has never committed there. */
  readonly committed: bigint | null
}

/** The conditions of the group besides its offsets. */
export interface GroupConditions {
  /** Members of the group in all processes; null when unknown. */
  readonly members: number | null
  /** Why fetching is paused; null while it is not. */
  readonly paused: string | null
  /** Who paused it and until when, such as `paused by ops (relay move) until it is resumed`; null or missing while no operator has. */
  readonly held?: string | null
  /** What an open breaker blocks; null while none is open. */
  readonly breaker: string | null
  /** How long the oldest unread record has been in the log, and how long ago the group last moved there; null when unknown. Milliseconds. */
  readonly oldestMs?: number | null
  readonly idleMs?: number | null
}

/** A lag below both of these is normal between two commits. */
const FLOOR_RECORDS = 10n
const FLOOR_MS = 10_000
/** A partition without progress for so long has stalled; milliseconds. */
export const LAG_WINDOW_MS = 60_000
/** One that a known fault of the database holds up is named after so long; longer than a commit or a rebalance takes. Milliseconds. */
export const STILL_MS = 15_000
/** Measurements are irregular: the oldest one is rarely exactly as old as the window. */
const SLACK_MS = 10_000

/**
 * The verdict on one partition, after LinkedIn's Burrow (github.com/linkedin/Burrow/wiki/Consumer-Lag-Evaluation-Rules), but
 * independent of the commit interval, aware of intended pauses, and tolerant of a handful of records.
 *
 * @param samples oldest first, over about {@link LAG_WINDOW_MS}
 */
export function partitionVerdict(samples: readonly LagSample[], { members, paused, breaker, ...more }: GroupConditions): LagVerdict {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined) return { word: 'ok', sentence: 'Not measured yet.' }
  const at = last.committed ?? last.low
  if (last.committed !== null && at < last.low)
    return { word: 'data-lost', sentence: `Records ${at} to ${last.low - 1n} were deleted before they were read.` }
  if (at > last.high)
    return {
      word: 'data-lost',
      sentence: `The log ends at ${last.high}, before the committed offset ${at}: the topic was recreated or truncated.`,
    }
  const lag = last.high - at
  const { held = null, oldestMs = null, idleMs = null } = more
  if (members === 0) return { word: 'no-member', sentence: `No process reads it; behind by ${records(lag)}.` }
  if (held !== null)
    return { word: 'paused', sentence: lag === 0n ? `Read to the end, and ${held}.` : `Behind by ${records(lag)} because it is ${held}.` }
  if (lag === 0n) return { word: 'ok', sentence: 'Read to the end.' }
  if (paused !== null && breaker !== null)
    return {
      word: 'breaker-open',
      sentence: `Behind by ${records(lag)} because ${breaker}, and the group waits for its backlog (${paused}).`,
    }

  const began = first.committed ?? first.low
  const consumed = at - began
  const produced = last.high - first.high
  const ms = last.at - first.at
  const seconds = Math.round(ms / 1_000)
  const rates = `${consumed} were read and ${produced} written in ${seconds} s`
  // A group that is paused for its backlog reads between two pauses: the rate shows how fast the backlog is worked off.
  if (paused !== null)
    return {
      word: 'paused',
      sentence: `Behind by ${records(lag)} because the group is paused: ${paused}${seconds === 0 ? '' : `; ${rates}`}.`,
    }

  // There were records to read all the time, and none was read.
  if (at === began && first.high > began && last.at - first.at >= LAG_WINDOW_MS - SLACK_MS)
    return { word: 'stalled', sentence: `Behind by ${records(lag)}, and nothing was read for ${seconds} s.` }
  // The same, seen without watching for a minute.
  if (at === began && oldestMs !== null && idleMs !== null && Math.min(oldestMs, idleMs) >= LAG_WINDOW_MS) {
    const still = Math.round(Math.min(oldestMs, idleMs) / 1_000)
    return { word: 'stalled', sentence: `Behind by ${records(lag)}, and nothing was read for ${still} s.` }
  }
  if (lag <= FLOOR_RECORDS || endedWithin(samples, at, last.at - FLOOR_MS) || (oldestMs !== null && oldestMs < FLOOR_MS))
    return { word: 'ok', sentence: `${records(lag)} in flight.` }
  if (consumed <= produced) return { word: 'falling-behind', sentence: `Behind by ${records(lag)}; ${rates}.` }
  const left = (Number(lag) * ms) / Number(consumed - produced)
  return { word: 'catching-up', sentence: `Behind by ${records(lag)}, caught up in about ${roughly(left)}; ${rates}.` }
}

/** Such as "40 s", "12 min" and "3 h". */
export function roughly(ms: number): string {
  if (ms < 90_000) return `${Math.max(1, Math.round(ms / 1_000))} s`
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`
  return ms < 2 * DAY_MS ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / DAY_MS)} days`
}

/** Intents due for so long are late, however small the lag is; milliseconds. */
const LATE_MS = 120_000

/**
 * The verdict on a group: the worst of its partitions, with how many share it. When the partitions are fine, whether accepted intents are
 * late or blocked.
 *
 * @param partitions of those with the same word, the first speaks for all
 * @param due how long the oldest due intent of each channel has been due
 * @param held which channel an operator has paused, by whom and until when; null when none
 * @param waiting which deliveries wait while their only destination is away, and why; null when none do
 */
export function groupVerdict(
  partitions: ReadonlyMap<number, LagVerdict>,
  due: readonly { readonly channel: string; readonly ms: number }[] = [],
  waiting: string | null = null,
  held: string | null = null,
): LagVerdict {
  const verdict = worstOf(partitions)
  const isRead = verdict.word === 'ok' || verdict.word === 'catching-up'
  if (isRead && held !== null) return { word: 'paused', sentence: `The log is read; ${held}.` }
  if (isRead && waiting !== null) return { word: 'breaker-open', sentence: `The log is read, but ${waiting}` }
  const oldest = due.toSorted((one, other) => other.ms - one.ms)[0]
  if (oldest === undefined || oldest.ms <= LATE_MS || !isRead) return verdict
  const minutes = Math.floor(oldest.ms / 60_000)
  return {
    word: 'intents-late',
    sentence: `The log is read, but intents of the ${oldest.channel} channel have been due for ${minutes} minutes.`,
  }
}

function worstOf(partitions: ReadonlyMap<number, LagVerdict>): LagVerdict {
  const worst = lagWords.find((word) => [...partitions.values()].some((verdict) => verdict.word === word)) ?? 'ok'
  const affected = [...partitions].filter(([, { word }]) => word === worst)
  const [first] = affected
  if (first === undefined || worst === 'ok') return { word: 'ok', sentence: 'All partitions are read to the end, or nearly.' }
  const where = affected.length === 1 ? `Partition ${first[0]}` : `${affected.length} partitions, the worst being ${first[0]}`
  return { word: worst, sentence: `${where}: ${first[1].sentence}` }
}

/** Whether the log ended at or before `position` at some time since `since`: then no unread record is older than that. */
function endedWithin(samples: readonly LagSample[], position: bigint, since: number): boolean {
  return samples.some((sample) => sample.at >= since && sample.high <= position)
}

function records(count: bigint): string {
  return count === 1n ? '1 record' : `${count} records`
}
