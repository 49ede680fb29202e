import type { Offsets } from 'kafkajs'

/**
 * The metadata of every offset that a record source commits, which tells them from offsets moved by other tools: an offset of our own above the
 * progress row means that the database was restored to an older state.
 */
export const COMMIT_MARK = 'progress-row'

/** What kafkajs commits, marked as ours; it passes metadata on, though its types do not say so. */
export function markedOffsets(topic: string, offsets: ReadonlyMap<number, bigint>): Offsets {
  const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset), metadata: COMMIT_MARK }))
  return { topics: [{ topic, partitions }] }
}
