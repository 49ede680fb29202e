import type { ProgressRow } from '../../ingest/accept-store.ts'
import type { PartitionRange } from '../../ingest/log-admin.ts'
import type { ReplayRange } from '../../ingest/replay-job.ts'
import { OperatorError } from '../../std/failure.ts'
import { nearest } from '../../std/nearest.ts'
import { parseResetTarget } from '../offsets/reset-target.ts'
import { TIME_FORMS } from '../time-option.ts'

/** A bound of a range: an end of the log, an offset, or the first record at or after a time. */
export type ReplayBound = 'earliest' | 'latest' | bigint | Date

/**
 * @param now milliseconds since 1970, from which a length of time counts back
 * @throws {OperatorError} when it is none of these.
 */
export function parseBound(option: '--from' | '--to', text: string, now: number): ReplayBound {
  const bound = boundIn(text, now)
  if (bound !== null) return bound
  const near = nearest(text, ['earliest', 'latest'])
  const meant = near === null ? '' : ` (did you mean ${near}?)`
  throw new OperatorError(`${option} "${text}" is not a position${meant}: give earliest, latest, an offset such as 1200, ${TIME_FORMS}.`)
}

function boundIn(text: string, now: number): ReplayBound | null {
  if (text === 'committed') return null
  try {
    const target = parseResetTarget(text, now)
    return target === 'committed' ? null : target
  } catch (error) {
    if (error instanceof OperatorError) return null
    throw error
  }
}

export interface RangeInput {
  readonly group: string
  readonly topic: string
  readonly from: ReplayBound
  readonly to: ReplayBound
  /** Null: all. */
  readonly partitions: readonly number[] | null
  /** The group's progress. */
  readonly rows: readonly ProgressRow[]
  readonly logs: ReadonlyMap<number, PartitionRange>
  /** Where the times of the bounds are in the log. */
  readonly offsetsAt: { readonly from: ReadonlyMap<number, bigint>; readonly to: ReadonlyMap<number, bigint> }
}

/**
 * The range of each partition, frozen as offsets: never beyond what the group has read, because the rest is on its live path. Partitions
 * with nothing in their range are left out.
 *
 * @throws {OperatorError} an offset without a partition, a partition that does not exist, a group without progress, or a range that holds
 *   nothing; it also says where a range begins that retention has cut.
 */
export function rangesOf(input: RangeInput): readonly ReplayRange[] {
  const { group, topic, from, to, partitions, rows, logs, offsetsAt } = input
  if (rows.length === 0)
    throw new OperatorError(`Group ${group} has no progress on ${topic}, so it has read nothing that could be replayed: start it first.`)
  if (partitions === null && logs.size > 1 && [from, to].some((bound) => typeof bound === 'bigint')) {
    throw new OperatorError(
      `An offset needs --partition, because ${topic} has ${logs.size} partitions: name the ones that are meant, or give a time.`,
    )
  }
  const strange = partitions?.find((partition) => !logs.has(partition))
  if (strange !== undefined) throw new OperatorError(`Topic ${topic} has no partition ${strange}: it has ${logs.size}, from 0.`)
  const next = new Map(rows.map((row) => [row.partition, row.next]))
  const ranges = [...logs].flatMap(([partition, log]): ReplayRange[] => {
    if (partitions?.includes(partition) === false) return []
    const begin = offsetOf(from, log, offsetsAt.from.get(partition))
    if (typeof from === 'bigint' && from < log.low) {
      throw new OperatorError(
        `Offset ${from} of partition ${partition} is no longer in the log, which begins at ${log.low}: give --from ${log.low}.`,
      )
    }
    const read = next.get(partition) ?? log.low
    const end = least(offsetOf(to, log, offsetsAt.to.get(partition)), least(read, log.high))
    return begin < end ? [{ partition, from: begin, to: end, next: begin }] : []
  })
  if (ranges.length === 0) {
    throw new OperatorError(`There is nothing of ${topic} in this range that ${group} has read: give an earlier --from or a later --to.`)
  }
  return ranges.toSorted((a, b) => a.partition - b.partition)
}

function offsetOf(bound: ReplayBound, { low, high }: PartitionRange, atTime: bigint | undefined): bigint {
  if (bound === 'earliest') return low
  if (bound === 'latest') return high
  return typeof bound === 'bigint' ? bound : (atTime ?? high)
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}
