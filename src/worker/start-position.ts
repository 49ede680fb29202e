import { OperatorError } from '../std/failure.ts'
import type { ProgressRow } from './accept-store.ts'
import type { PartitionRange } from './log-admin.ts'

/** What the operator said for a first start on a topic that already holds records; null: nothing. */
export type StartFrom = 'earliest' | 'latest' | Date | null

/** The group may not start until the operator decides; its message says about what and how. */
export class StartRefused extends OperatorError {}

export interface StartQuestion {
  readonly group: string
  readonly topic: string
  /** Rows of this group and topic, of all partitions. */
  readonly rows: readonly ProgressRow[]
  readonly ranges: ReadonlyMap<number, PartitionRange>
  /** Partitions that Kafka has a committed offset of this group for. */
  readonly committed: ReadonlySet<number>
  /** Partitions whose row this process has seen before. */
  readonly known: ReadonlySet<number>
  readonly startFrom: StartFrom
  /** Asked only when `startFrom` is a time. */
  readonly offsetsAtTime: ReadonlyMap<number, bigint>
}

/** `refuse` says what is wrong and what the operator can do. */
export type StartAnswer =
  { readonly is: 'start'; readonly create: readonly ProgressRow[] } | { readonly is: 'refuse'; readonly sentence: string }

/**
 * Where a group starts. A row is the truth, in both directions, as long as it lies in the log. A first start writes a row for
 * every partition at once, and on a topic that holds records only when the operator has said from where, so that no first
 * deployment mails last month by accident. A partition that was added later starts at its beginning.
 */
export function startPositions(question: StartQuestion): StartAnswer {
  const { group, topic, rows, ranges, committed, known } = question
  if (rows.length === 0) return firstStart(question)

  for (const row of rows) {
    const range = ranges.get(row.partition)
    if (range === undefined)
      return refuse(
        question,
        `partition ${row.partition} of topic ${topic}, which group ${group} has progress for, does not exist any more (was the topic recreated?)`,
      )
    if (row.next < range.low)
      return refuse(
        question,
        `group ${group} stands at offset ${row.next} of ${topic}/${row.partition}, but the log begins at ${range.low}: records ${row.next} to ${range.low - 1n} are lost`,
      )
    if (row.next > range.high)
      return refuse(
        question,
        `group ${group} stands at offset ${row.next} of ${topic}/${row.partition}, but the log ends at ${range.high} (was the topic recreated?)`,
      )
  }
  const present = new Set(rows.map((row) => row.partition))
  const missing = [...ranges].filter(([partition]) => !present.has(partition))
  for (const [partition] of missing) {
    if (known.has(partition) || committed.has(partition))
      return refuse(
        question,
        `group ${group} has read ${topic}/${partition} before, but its progress row is gone (was the database restored or emptied?)`,
      )
  }
  return { is: 'start', create: missing.map(([partition, range]) => ({ partition, next: range.low, exemptBelow: 0n })) }
}

function firstStart(question: StartQuestion): StartAnswer {
  const { group, topic, ranges, committed, known, startFrom, offsetsAtTime } = question
  if (known.size > 0) return refuse(question, `all progress of group ${group} on ${topic} is gone (was the database emptied?)`)
  const holdsRecords = [...ranges.values()].some((range) => range.high > range.low)
  if (startFrom === null && committed.size > 0) {
    return {
      is: 'refuse',
      sentence: `group ${group} has committed offsets on ${topic}, but this database has no progress of it (a wrong or emptied database?): check DATABASE_URL, or say KAFKA_START_FROM=earliest, latest or a time`,
    }
  }
  if (startFrom === null && holdsRecords) {
    return {
      is: 'refuse',
      sentence: `group ${group} starts for the first time and topic ${topic} already holds records: say where to begin with KAFKA_START_FROM=earliest, latest or a time such as 2026-01-31T00:00:00Z`,
    }
  }
  const from = (partition: number, range: PartitionRange) => {
    if (startFrom === 'latest') return range.high
    return startFrom instanceof Date ? (offsetsAtTime.get(partition) ?? range.high) : range.low
  }
  return {
    is: 'start',
    create: [...ranges].map(([partition, range]) => ({ partition, next: from(partition, range), exemptBelow: range.high })),
  }
}

function refuse({ group }: StartQuestion, what: string): StartAnswer {
  return {
    is: 'refuse',
    sentence: `${what}; decide with: npm run workerctl -- offsets reset --group ${group} --to earliest|latest|OFFSET|TIME --accept-loss`,
  }
}
