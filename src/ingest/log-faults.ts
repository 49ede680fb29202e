import type { ProgressRow } from './accept-store.ts'
import type { PartitionRange } from './log-admin.ts'

/** The progress rows of a group and the current log, to be compared. */
export interface LogComparison {
  readonly group: string
  readonly topic: string
  readonly topicId: string | null
  readonly rows: readonly ProgressRow[]
  readonly ranges: ReadonlyMap<number, PartitionRange>
  readonly epochEnds: ReadonlyMap<number, bigint | null>
  readonly committed: ReadonlyMap<number, bigint>
  readonly seenPartitions: ReadonlySet<number>
}

/** Why a partition cannot continue at its row. `to`: the argument of the reset command that skips the fault. */
export interface LogFault {
  readonly is: 'recreated' | 'cut' | 'deleted' | 'beyond-end' | 'no-partition' | 'no-row'
  readonly partition: number
  readonly description: string
  readonly to: string
}

/** All partitions that cannot continue, so that one message names them all. */
export function findLogFaults(comparison: LogComparison): readonly LogFault[] {
  const { group, topic, rows, ranges, committed, seenPartitions } = comparison
  const faults = rows.flatMap((row) => faultOfRow(comparison, row) ?? [])
  const present = new Set(rows.map((row) => row.partition))
  for (const partition of ranges.keys()) {
    if (present.has(partition) || !(seenPartitions.has(partition) || committed.has(partition))) continue
    const what = `group ${group} has read ${topic}/${partition} before, but its progress row is gone (was the database restored or emptied?)`
    faults.push({ is: 'no-row', partition, description: what, to: String(committed.get(partition) ?? 'earliest') })
  }
  return faults
}

/** The last known leader epoch by partition: the argument of {@link LogAdmin.epochEnds}. */
export function leaderEpochs(rows: readonly ProgressRow[]): ReadonlyMap<number, number> {
  return new Map(rows.flatMap(({ partition, last }) => (last === undefined ? [] : [[partition, last.leaderEpoch] as const])))
}

/** Whether the topic was deleted and recreated since the row was written. */
export function isRecreated(row: Pick<ProgressRow, 'topicId'>, topicId: string | null): boolean {
  return topicId !== null && row.topicId !== undefined && row.topicId !== topicId
}

/** The offset at which the log was truncated below the last record read; null when it was not. */
export function truncatedAt({ last }: ProgressRow, epochEnd: bigint | null | undefined): bigint | null {
  return last === undefined || epochEnd === undefined || epochEnd === null || epochEnd > last.offset ? null : epochEnd
}

function faultOfRow({ group, topic, topicId, ranges, epochEnds }: LogComparison, row: ProgressRow): LogFault | null {
  const { partition, next } = row
  const range = ranges.get(partition)
  if (isRecreated(row, topicId)) {
    const what =
      `topic ${topic} was deleted and recreated since group ${group} read it up to offset ${next} of partition ${partition}: ` +
      `unread records of the old topic are lost, and records of the new one have not been read`
    return { is: 'recreated', partition, description: what, to: 'earliest' }
  }
  if (range === undefined) {
    const what = `partition ${partition} of topic ${topic}, for which group ${group} has progress, no longer exists (was the topic recreated?)`
    return { is: 'no-partition', partition, description: what, to: 'earliest' }
  }
  const at = `group ${group} is at offset ${next} of ${topic}/${partition}`
  if (next < range.low) {
    const what = `${at}, but the log begins at ${range.low}: records ${next} to ${range.low - 1n} are lost`
    return { is: 'deleted', partition, description: what, to: 'earliest' }
  }
  const cut = truncatedAt(row, epochEnds.get(partition))
  if (cut !== null) {
    const from = cut < range.low ? range.low : cut
    const what =
      `${at}, but the log was truncated at ${cut}, below the last record read (was a broker without all records elected leader?): ` +
      `records written there since have not been read, and unread records from ${cut} on are lost`
    return { is: 'cut', partition, description: what, to: String(from) }
  }
  if (next <= range.high) return null
  const what = `${at}, but the log ends at ${range.high} (was the topic recreated?)`
  return { is: 'beyond-end', partition, description: what, to: 'earliest' }
}

/** The most faults listed in full; a topic may have thousands of partitions. */
const MAX_LISTED = 5

/** Lists the faults, with the commands that skip exactly those. */
export function describeLogFaults({ group }: Pick<LogComparison, 'group'>, faults: readonly LogFault[]): string {
  const recreated = faults.find(({ is }) => is === 'recreated')
  const reset = `npm run workerctl -- offsets reset --group ${group}`
  // A recreated topic affects every partition.
  if (recreated !== undefined) return `${recreated.description}; decide with: ${reset} --to earliest --accept-loss`
  const listed = faults.slice(0, MAX_LISTED).map(({ description: what }) => what)
  const more = faults.length > listed.length ? [`and ${faults.length - listed.length} more partitions`] : []
  const commands = [...Map.groupBy(faults, ({ to }) => to)].map(
    ([to, same]) => `${reset} --partition ${same.map(({ partition }) => partition).join(',')} --to ${to} --accept-loss`,
  )
  return `${[...listed, ...more].join('; ')}; decide with: ${commands.join(' && ')}`
}
