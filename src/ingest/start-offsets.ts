import { OperatorError } from '../std/failure.ts'
import type { ProgressRow } from './accept-store.ts'
import { findLogFaults, describeLogFaults } from './log-faults.ts'
import type { PartitionRange } from './log-admin.ts'

/** `KAFKA_START_FROM`: where a group starts for the first time on a topic that already holds records; null: not set. */
export type StartFrom = 'earliest' | 'latest' | 'committed' | Date | null

/** The group may not start until the operator decides; the message says what is wrong and how to resolve it. */
export class StartRefused extends OperatorError {}

export interface StartContext {
  readonly group: string
  readonly topic: string
  /** Null when the brokers have no topic ids. */
  readonly topicId: string | null
  /** Progress rows of the group on the topic, of all partitions. */
  readonly rows: readonly ProgressRow[]
  readonly ranges: ReadonlyMap<number, PartitionRange>
  /** End offsets of the leader epochs of the last records read; see {@link LogAdmin.epochEnds}. */
  readonly epochEnds: ReadonlyMap<number, bigint | null>
  /** Offsets committed to Kafka, by partition. */
  readonly committed: ReadonlyMap<number, bigint>
  /** Partitions whose row this process has seen. */
  readonly seenPartitions: ReadonlySet<number>
  readonly startFrom: StartFrom
  /** Members of the group before its rows were read; 0 unless `startFrom` is `committed`. */
  readonly members: number
  /** Empty unless `startFrom` is a time. */
  readonly offsetsAtTime: ReadonlyMap<number, bigint>
}

/** `refuse`: the sentence says what is wrong and what the operator can do. */
export type StartDecision =
  { readonly is: 'start'; readonly create: readonly ProgressRow[] } | { readonly is: 'refuse'; readonly sentence: string }

/**
 * Decides where a group starts. The progress row decides, whether it is ahead of or behind Kafka's committed offset, as long as it lies within
 * the log it was written for. A first start creates a row for every partition; on a topic that already holds records it requires
 * `KAFKA_START_FROM`, so that a first deployment does not mail last month's events. Partitions added later start at their beginning.
 */
export function decideStart(context: StartContext): StartDecision {
  const { topicId, rows, ranges } = context
  if (rows.length === 0) return firstStart(context)
  const faults = findLogFaults(context)
  if (faults.length > 0) return { is: 'refuse', sentence: describeLogFaults(context, faults) }
  const present = new Set(rows.map((row) => row.partition))
  const missing = [...ranges].filter(([partition]) => !present.has(partition))
  return {
    is: 'start',
    create: missing.map(([partition, range]) => ({ partition, next: range.low, exemptBelow: 0n, ...idOf(topicId) })),
  }
}

function firstStart(context: StartContext): StartDecision {
  const { group, topic, topicId, ranges, committed, seenPartitions, startFrom, offsetsAtTime } = context
  if (seenPartitions.size > 0) {
    return {
      is: 'refuse',
      sentence:
        `all progress of group ${group} on ${topic} is gone (was the database emptied?); ` +
        `decide with: npm run workerctl -- offsets reset --group ${group} --to earliest|latest|committed|OFFSET|TIME --accept-loss`,
    }
  }
  const holdsRecords = [...ranges.values()].some((range) => range.high > range.low)
  if (startFrom === null && committed.size > 0) {
    return {
      is: 'refuse',
      sentence:
        `group ${group} has committed offsets on ${topic}, but this database has no progress of it (a wrong or emptied database?): ` +
        `check DATABASE_URL, or set KAFKA_START_FROM=committed to take over from another program's worker, or earliest, latest or a time`,
    }
  }
  if (startFrom === null && holdsRecords) {
    return {
      is: 'refuse',
      sentence: `group ${group} starts for the first time and topic ${topic} already holds records: set KAFKA_START_FROM to earliest, latest, committed (where another program's worker of this group stopped) or a time such as 2026-01-31T00:00:00Z`,
    }
  }
  const refusal = startFrom === 'committed' ? refusalOfCommitted(context) : null
  if (refusal !== null) return { is: 'refuse', sentence: refusal }
  const from = (partition: number, range: PartitionRange) => {
    if (startFrom === 'latest') return range.high
    // Without a commit, nothing is known to have been read: starting at the beginning loses nothing.
    if (startFrom === 'committed') return committed.get(partition) ?? range.low
    return startFrom instanceof Date ? (offsetsAtTime.get(partition) ?? range.high) : range.low
  }
  return {
    is: 'start',
    create: [...ranges].map(([partition, range]) => ({
      partition,
      next: from(partition, range),
      exemptBelow: range.high,
      ...idOf(topicId),
    })),
  }
}

/** Why a group cannot start at its committed offsets; null when it can. */
function refusalOfCommitted({ group, topic, ranges, committed, members }: StartContext): string | null {
  if (members > 0) {
    const count = members === 1 ? '1 running member' : `${members} running members`
    return (
      `KAFKA_START_FROM is committed, but group ${group} has ${count} that this database does not know: ` +
      `stop the worker that this one takes over from, so that its offsets no longer move; a killed worker counts until its session expires`
    )
  }
  const holdsRecords = [...ranges.values()].some((range) => range.high > range.low)
  if (committed.size === 0 && holdsRecords) {
    return (
      `KAFKA_START_FROM is committed, but Kafka has no committed offsets of group ${group} on ${topic}: ` +
      `correct KAFKA_GROUP_PREFIX so that its name is that of the worker before it, or set KAFKA_START_FROM to earliest, latest or a time`
    )
  }
  const outside = [...ranges].flatMap(([partition, { low, high }]) => {
    const offset = committed.get(partition)
    if (offset === undefined || (offset >= low && offset <= high)) return []
    return [`${topic}/${partition} at ${offset}, outside ${low} to ${high}`]
  })
  if (outside.length === 0) return null
  return (
    `KAFKA_START_FROM is committed, but group ${group} has committed ${outside.join(', and ')}: records that it had not read are lost; ` +
    `step over them with: npm run workerctl -- offsets reset --group ${group} --to committed --accept-loss`
  )
}

function idOf(topicId: string | null): { topicId?: string } {
  return topicId === null ? {} : { topicId }
}
