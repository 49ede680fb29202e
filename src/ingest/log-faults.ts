import type { ProgressRow } from './accept-store.ts'
import type { PartitionRange } from './log-admin.ts'

/** What is compared: the rows of a group, and the log as it is now. */
export interface LogQuestion {
  readonly group: string
  readonly topic: string
  readonly topicId: string | null
  readonly rows: readonly ProgressRow[]
  readonly ranges: ReadonlyMap<number, PartitionRange>
  readonly epochEnds: ReadonlyMap<number, bigint | null>
  readonly committed: ReadonlyMap<number, bigint>
  readonly known: ReadonlySet<number>
}

/** Why a partition cannot go on at its row. `to`: where the command that steps over it begins. */
export interface LogFault {
  readonly is: 'recreated' | 'cut' | 'deleted' | 'beyond-end' | 'no-partition' | 'no-row'
  readonly partition: number
  readonly what: string
  readonly to: string
}

/** Every partition that cannot go on, so that all are named at once. */
export function findLogFaults(question: LogQuestion): readonly LogFault[] {
  const { group, topic, rows, ranges, committed, known } = question
  const faults = rows.flatMap((row) => faultOfRow(question, row) ?? [])
  const present = new Set(rows.map((row) => row.partition))
  for (const partition of ranges.keys()) {
    if (present.has(partition) || !(known.has(partition) || committed.has(partition))) continue
    const what = `group ${group} has read ${topic}/${partition} before, but its progress row is gone (was the database restored or emptied?)`
    faults.push({ is: 'no-row', partition, what, to: String(committed.get(partition) ?? 'earliest') })
  }
  return faults
}

/** What {@link LogAdmin.epochEnds} is asked for these rows. */
export function leaderEpochs(rows: readonly ProgressRow[]): ReadonlyMap<number, number> {
  return new Map(rows.flatMap(({ partition, last }) => (last === undefined ? [] : [[partition, last.leaderEpoch] as const])))
}

/** Whether a row was written for another topic of the same name. */
export function isRecreated(row: Pick<ProgressRow, 'topicId'>, topicId: string | null): boolean {
  return topicId !== null && row.topicId !== undefined && row.topicId !== topicId
}

/** Where the log was cut below what was read of it; null when it was not. */
export function cutOf({ last }: ProgressRow, epochEnd: bigint | null | undefined): bigint | null {
  return last === undefined || epochEnd === undefined || epochEnd === null || epochEnd > last.offset ? null : epochEnd
}

function faultOfRow({ group, topic, topicId, ranges, epochEnds }: LogQuestion, row: ProgressRow): LogFault | null {
  const { partition, next } = row
  const range = ranges.get(partition)
  if (isRecreated(row, topicId)) {
    const what =
      `topic ${topic} was deleted and made anew since group ${group} read it up to offset ${next} of partition ${partition}: ` +
      `what the group had not read of the old topic is lost, and what the new one holds was not read`
    return { is: 'recreated', partition, what, to: 'earliest' }
  }
  if (range === undefined) {
    const what = `partition ${partition} of topic ${topic}, which group ${group} has progress for, does not exist any more (was the topic recreated?)`
    return { is: 'no-partition', partition, what, to: 'earliest' }
  }
  const at = `group ${group} stands at offset ${next} of ${topic}/${partition}`
  if (next < range.low) {
    const what = `${at}, but the log begins at ${range.low}: records ${next} to ${range.low - 1n} are lost`
    return { is: 'deleted', partition, what, to: 'earliest' }
  }
  const cut = cutOf(row, epochEnds.get(partition))
  if (cut !== null) {
    const from = cut < range.low ? range.low : cut
    const what =
      `${at}, but the log was cut at ${cut}, below what was read of it (did a broker lead that lacked records?): ` +
      `what was written there since was not read, and records from ${cut} on that nobody had read are lost`
    return { is: 'cut', partition, what, to: String(from) }
  }
  if (next <= range.high) return null
  const what = `${at}, but the log ends at ${range.high} (was the topic recreated?)`
  return { is: 'beyond-end', partition, what, to: 'earliest' }
}

/** So many faults are told in full; a topic may have thousands of partitions. */
const MOST_TOLD = 5

/** All faults, and the commands that step over them and over nothing else. */
export function sentenceOfFaults({ group }: Pick<LogQuestion, 'group'>, faults: readonly LogFault[]): string {
  const recreated = faults.find(({ is }) => is === 'recreated')
  const reset = `npm run workerctl -- offsets reset --group ${group}`
  // Another topic: no partition of it can go on.
  if (recreated !== undefined) return `${recreated.what}; decide with: ${reset} --to earliest --accept-loss`
  const told = faults.slice(0, MOST_TOLD).map(({ what }) => what)
  const more = faults.length > told.length ? [`and ${faults.length - told.length} more partitions`] : []
  const commands = [...Map.groupBy(faults, ({ to }) => to)].map(
    ([to, same]) => `${reset} --partition ${same.map(({ partition }) => partition).join(',')} --to ${to} --accept-loss`,
  )
  return `${[...told, ...more].join('; ')}; decide with: ${commands.join(' && ')}`
}
