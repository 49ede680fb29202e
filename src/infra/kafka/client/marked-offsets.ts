import type { Offsets } from 'kafkajs'

/**
 * Stands in the metadata of every offset that a record source commits. A tool that moves a group's offsets leaves it out, so that its doing
 * is not taken for ours: an offset above the progress row is ours only when the database went back in time.
 */
export const COMMIT_MARK = 'progress-row'

/** What kafkajs commits, marked as ours; it passes metadata on, though its types do not say so. */
export function markedOffsets(topic: string, offsets: ReadonlyMap<number, bigint>): Offsets {
  const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset), metadata: COMMIT_MARK }))
  return { topics: [{ topic, partitions }] }
}
