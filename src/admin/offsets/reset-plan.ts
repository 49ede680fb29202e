import { OperatorError } from '../../std/failure.ts'
import type { ProgressRow } from '../../ingest/accept-store.ts'
import type { PartitionRange } from '../../ingest/log-admin.ts'
import { truncatedAt, isRecreated } from '../../ingest/log-faults.ts'
import type { ProgressChange } from './progress-admin.ts'
import type { ResetTarget } from './reset-target.ts'

export interface ResetQuestion {
  readonly group: string
  readonly topic: string
  readonly target: ResetTarget
  /** Null: all partitions. */
  readonly partitions: readonly number[] | null
  /** Null when the brokers have no topic ids. */
  readonly topicId: string | null
  /** Where the leader epochs of the rows' last records end; see {@link LogAdmin.epochEnds}. */
  readonly epochEnds: ReadonlyMap<number, bigint | null>
  /** Rows of all partitions. */
  readonly rows: readonly ProgressRow[]
  readonly committed: ReadonlyMap<number, bigint>
  /** Read after everything else, so that no row lies above its log. */
  readonly ranges: ReadonlyMap<number, PartitionRange>
  /** Read only when the target is a time. */
  readonly offsetsAtTime: ReadonlyMap<number, bigint>
  /** First offsets that are no older than `DEDUPE_DAYS`: what was done about older records may be forgotten. */
  readonly rememberedFrom: ReadonlyMap<number, bigint>
}

/** What happens to one partition. Counts are distances of offsets: in a compacted log there are fewer records. */
export interface PartitionMove {
  readonly partition: number
  /** The progress row now; null when there is none. */
  readonly from: bigint | null
  /** The row afterwards; null removes it, because the partition is gone. */
  readonly to: bigint | null
  readonly committed: bigint | null
  /** Records below this are exempt from the dedupe window. */
  readonly exemptBelow: bigint
  /** Records that were looked at before and will be again. */
  readonly again: bigint
  /** Of those, records that go to the dead letters because what was done about them may be forgotten. */
  readonly forgotten: bigint
  /** Records in the log that were never looked at, and will not be. */
  readonly unread: bigint
  /** Records that the log does not hold any more, never looked at. */
  readonly lost: bigint
  /** The row belongs to another log: how many of its records were never read cannot be known. */
  readonly recreated: boolean
  /** Where the log was cut below what was read of it; null when it was not. */
  readonly cutAt: bigint | null
}

export interface ResetPlan {
  readonly group: string
  readonly topic: string
  /** `first`: neither the database nor Kafka knows the group; `no-rows`: only Kafka does. */
  readonly start: 'known' | 'no-rows' | 'first'
  readonly topicId: string | null
  readonly moves: readonly PartitionMove[]
}

/**
 * Where a reset puts each partition, and what that costs.
 *
 * The exemption from the dedupe window exists for records that were on the topic before the group's first start, of which
 * nothing can have been done. It stays while that first reading is under way: what has been read of it is on record since.
 * Once the group had read beyond it, going back takes it away: older records may have been processed and forgotten, and an
 * exempt one would be sent again. A group without rows, and a topic that was recreated, are first readings again.
 *
 * @throws {OperatorError} a partition that does not exist, an offset outside the log, a first start of one partition alone.
 */
export function planReset(question: ResetQuestion): ResetPlan {
  const { group, topic, topicId, rows, ranges, committed, partitions } = question
  const start = rows.length > 0 ? 'known' : committed.size > 0 ? 'no-rows' : 'first'
  const all = [...new Set([...ranges.keys(), ...rows.map((row) => row.partition)])].sort((a, b) => a - b)
  const strange = partitions?.find((partition) => !all.includes(partition))
  if (strange !== undefined) throw new OperatorError(`Topic ${topic} has no partition ${strange}: give one from 0 to ${ranges.size - 1}.`)
  // A row for one partition would make the others look as if they had been added later: they would start at their beginnings.
  if (partitions !== null && start !== 'known') {
    throw new OperatorError(`Group ${group} has no progress yet, so all its start offsets are chosen together: omit --partition.`)
  }
  const chosen = all.filter((one) => partitions === null || partitions.includes(one))
  requireInLog(question, chosen)
  return { group, topic, start, topicId, moves: chosen.map((one) => moveOf(question, start, one)) }
}

/** The progress rows that a plan writes. */
export function progressChanges({ moves }: ResetPlan): readonly ProgressChange[] {
  return (
    moves
      // A row that stays where it is and belongs to another log must forget that one.
      .filter(({ from, to, recreated, cutAt }) => from !== to || recreated || cutAt !== null)
      .map(({ partition, from, to, exemptBelow }) => ({ partition, expected: from, next: to, exemptBelow }))
  )
}

/** The committed offsets that a plan sets in Kafka. */
export function commitChanges({ moves }: ResetPlan): ReadonlyMap<number, bigint> {
  return new Map(moves.flatMap(({ partition, to, committed }) => (to === null || to === committed ? [] : [[partition, to] as const])))
}

function requireInLog({ topic, target, ranges }: ResetQuestion, chosen: readonly number[]): void {
  if (typeof target !== 'bigint') return
  const outside = chosen.flatMap((partition) => {
    const range = ranges.get(partition)
    return range !== undefined && (target < range.low || target > range.high) ? [{ partition, ...range }] : []
  })
  if (outside.length === 0) return
  const logs = outside.map(({ partition, low, high }) => `${topic}/${partition} (${low} to ${high})`).join(', ')
  throw new OperatorError(
    `Offset ${target} lies outside ${logs}: give an offset inside, earliest or latest${chosen.length > 1 ? ', or one partition with --partition' : ''}.`,
  )
}

function moveOf(question: ResetQuestion, start: ResetPlan['start'], partition: number): PartitionMove {
  const row = question.rows.find((one) => one.partition === partition)
  const range = question.ranges.get(partition)
  const committed = question.committed.get(partition) ?? null
  const nothing = { again: 0n, forgotten: 0n, unread: 0n, lost: 0n, recreated: false, cutAt: null }
  const place = { partition, from: row?.next ?? null, committed }
  if (range === undefined) return { ...nothing, ...place, to: null, exemptBelow: 0n, recreated: true }

  const to = positionOf(question, partition, range)
  if (start === 'first') return { ...nothing, ...place, to, exemptBelow: range.high, unread: to - range.low }
  // Without a row Kafka's report is the best that is known; without that, nothing was read.
  const epochEnd = question.epochEnds.get(partition)
  const cutAt = row === undefined ? null : truncatedAt(row, epochEnd)
  const read = cutAt ?? row?.next ?? committed ?? range.low
  const isOther = row !== undefined && (isRecreated(row, question.topicId) || epochEnd === null)
  if (isOther || read > range.high) return { ...nothing, ...place, to, exemptBelow: range.high, unread: to - range.low, recreated: true }

  const lost = read < range.low ? range.low - read : 0n
  const readInLog = read < range.low ? range.low : read
  const again = to < readInLog ? readInLog - to : 0n
  const exemptBelow = start === 'no-rows' ? range.high : exemptionOf(row, to)
  return {
    ...place,
    to,
    exemptBelow,
    again,
    forgotten: forgottenOf(question, { partition, to, readInLog, exemptBelow }),
    unread: to > readInLog ? to - readInLog : 0n,
    lost,
    recreated: false,
    cutAt,
  }
}

function within(offset: bigint, { low, high }: PartitionRange): bigint {
  return offset < low ? low : offset > high ? high : offset
}

function positionOf(question: ResetQuestion, partition: number, { low, high }: PartitionRange): bigint {
  const { target, offsetsAtTime } = question
  if (target === 'earliest') return low
  if (target === 'latest') return high
  if (typeof target === 'bigint') return target
  const at = offsetsAtTime.get(partition) ?? high
  if (target === 'committed') return within(question.committed.get(partition) ?? low, { low, high })
  // The log may have lost its beginning since the time was looked up.
  return at < low ? low : at
}

/** See {@link planReset}. */
function exemptionOf(row: ProgressRow | undefined, to: bigint): bigint {
  if (row === undefined) return 0n
  const firstReadingIsOver = row.next >= row.exemptBelow
  return to < row.next && firstReadingIsOver ? 0n : row.exemptBelow
}

function forgottenOf(
  { rememberedFrom }: ResetQuestion,
  move: { partition: number; to: bigint; readInLog: bigint; exemptBelow: bigint },
): bigint {
  const remembered = rememberedFrom.get(move.partition) ?? 0n
  const end = remembered < move.readInLog ? remembered : move.readInLog
  const begin = move.to > move.exemptBelow ? move.to : move.exemptBelow
  return end > begin ? end - begin : 0n
}
