import type { Offsets } from 'kafkajs'

/**
 * The metadata of every offset that a record source commits. It distinguishes them from offsets moved by other tools: our own offset above
 * the progress row means that the database was restored to an older state.
 */
export const COMMIT_MARK = 'progress-row'

/** Offsets for kafkajs to commit, marked as ours. It passes the metadata on, although its types do not declare it. */
export function markedOffsets(topic: string, offsets: ReadonlyMap<number, bigint>): Offsets {
  const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset), metadata: COMMIT_MARK }))
  return { topics: [{ topic, partitions }] }
}
