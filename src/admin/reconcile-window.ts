import type { LogAdmin } from '../ingest/log-admin.ts'
import type { Pause } from '../model/pause.ts'
import { DAY_MS } from '../std/day.ts'
import { OperatorError } from '../std/failure.ts'
import type { ProgressAdmin } from './offsets/progress-admin.ts'
import { oldestUnread } from './pauses/oldest-unread.ts'
import { pausedReading } from './pauses/pause-clause.ts'
import type { FactReader, Window } from './reconcile-facts.ts'

/** From a fact to the record of its event; recent facts may still be in flight. */
const UNDER_WAY_MS = 300_000

/** A group with unread records, the oldest published at `since` or a little later. */
export interface Behind {
  readonly id: string
  readonly since: Date
  /** The pause that keeps the group from reading, in words; null without one. */
  readonly paused: string | null
}

/** The groups that have not read everything: what they lack may be unread, and would come twice if it were published as well. */
export async function groupsBehind(
  groups: readonly { readonly id: string; readonly topic: string }[],
  of: {
    readonly log: Pick<LogAdmin, 'ranges' | 'offsetsAt'>
    readonly progress: Pick<ProgressAdmin, 'readProgress'>
    readonly pauses: readonly Pause[]
    readonly now: number
    readonly dedupeDays: number
  },
): Promise<readonly Behind[]> {
  const found: Behind[] = []
  for (const { id, topic } of groups) {
    const ranges = await of.log.ranges(topic)
    const rows = new Map((await of.progress.readProgress(id, topic)).map(({ partition, next }) => [partition, next]))
    const positions = new Map([...ranges].map(([partition, { low }]) => [partition, atLeast(rows.get(partition) ?? low, low)]))
    const since = await oldestUnread(of.log, topic, positions, ranges, { now: of.now, reachMs: of.dedupeDays * DAY_MS })
    if (since !== null) found.push({ id, since, paused: pausedReading(of.pauses, id) })
  }
  return found
}

/**
 * The facts to compare: those that were chosen, or from the oldest outcome to five minutes ago, and none whose event a group may not have
 * read yet.
 *
 * @throws {OperatorError} there are none; the sentence says why
 */
export async function compareWindow(
  reader: Pick<FactReader, 'oldestOutcome'>,
  chosen: { readonly since: Date | null; readonly until: Date | null },
  { now, dedupeDays, behind }: { readonly now: number; readonly dedupeDays: number; readonly behind: readonly Behind[] },
): Promise<Window> {
  const rememberedFrom = new Date(now - dedupeDays * DAY_MS)
  if (chosen.since !== null && chosen.since < rememberedFrom) {
    throw new OperatorError(
      `--since is before the retention of outcomes (DEDUPE_DAYS=${dedupeDays}): give a time at or after ${rememberedFrom.toISOString()}.`,
    )
  }
  const oldest = await reader.oldestOutcome(null)
  const begin = oldest === null || oldest < rememberedFrom ? rememberedFrom : oldest
  const wanted = chosen.until ?? new Date(now - UNDER_WAY_MS)
  const until = new Date(Math.min(wanted.getTime(), ...behind.map(readUntil)))
  const window = { since: chosen.since ?? begin, until }
  if (window.since < window.until) return window
  const [first] = behindSentences(behind, window)
  if (window.since < wanted && first !== undefined) throw new OperatorError(`Nothing can be compared yet: ${first}`)
  // An error, because the report of an empty window would look as if nothing were missing.
  throw new OperatorError(
    `Nothing can be compared: the window would begin at ${window.since.toISOString()} and end at ${window.until.toISOString()}. ` +
      `The groups have run for too short a time, or --since is after --until: give --since (the time from which facts should have outcomes) and --until.`,
  )
}

/** The groups for which the window ends where it does, in a sentence each. */
export function behindSentences(behind: readonly Behind[], { until }: Window): readonly string[] {
  return behind
    .filter((one) => readUntil(one) <= until.getTime())
    .map(({ id, since, paused }) => {
      const why = paused === null ? '' : ` (${paused})`
      return `${id} has unread records since ${since.toISOString()}${why}: facts from 5 minutes before that on are not compared, because their events may be among them.`
    })
}

function readUntil({ since }: Behind): number {
  return since.getTime() - UNDER_WAY_MS
}

function atLeast(offset: bigint, low: bigint): bigint {
  return offset < low ? low : offset
}
