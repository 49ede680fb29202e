import type { LogAdmin, PartitionRange } from '../../ingest/log-admin.ts'

/** The age of a record is found to a hundredth of the time searched, and to a second. */
const PRECISION = 100
const SECOND_MS = 1_000

/**
 * When the oldest record behind these positions was published, by its own time and within a hundredth of its age; null when nothing is unread.
 * Kafka finds offsets by time only, so the time is found by halving.
 *
 * @param reach how far back is searched, milliseconds; an older record is found as that old
 */
export async function oldestUnread(
  admin: Pick<LogAdmin, 'offsetsAt'>,
  topic: string,
  positions: ReadonlyMap<number, bigint>,
  ranges: ReadonlyMap<number, PartitionRange>,
  { now, reachMs }: { readonly now: number; readonly reachMs: number },
): Promise<Date | null> {
  const unread = [...positions].filter(([partition, position]) => position < (ranges.get(partition)?.high ?? 0n))
  if (unread.length === 0) return null
  /** A record before `time` is unread. */
  const isBefore = async (time: number) => {
    const offsets = await admin.offsetsAt(topic, new Date(time))
    return unread.some(([partition, position]) => (offsets.get(partition) ?? 0n) > position)
  }
  let [from, to] = [now - reachMs, now]
  if (!(await isBefore(to))) return new Date(to)
  while (to - from > Math.max(SECOND_MS, (now - to) / PRECISION)) {
    const middle = Math.round((from + to) / 2)
    if (await isBefore(middle)) to = middle
    else from = middle
  }
  return new Date(from)
}
