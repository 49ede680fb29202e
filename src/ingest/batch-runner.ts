import { acceptChunk, type Acceptor, type ChunkEnd } from './accept-chunk.ts'
import type { EqualFailures } from './crash-loop-breaker.ts'
import type { PartitionProgress } from './partition-progress.ts'
import { readChunks, type ChunkReader, type ReadChunk } from './read-chunks.ts'
import type { PartitionBatch } from './record-source.ts'
import { countsOf } from './type-counts.ts'

export interface BatchRunner {
  /** Takes a batch as far as it goes, chunk by chunk, and returns where its partition goes on. */
  run(progress: PartitionProgress, batch: PartitionBatch): Promise<bigint>
}

export function createBatchRunner(of: {
  readonly reader: ChunkReader
  readonly acceptor: Acceptor
  readonly failures: EqualFailures
  /** Ends the waiting of a chunk. */
  until(progress: PartitionProgress): AbortSignal
  /** Its row now holds `progress.row`. */
  written(progress: PartitionProgress): void
  /** Nothing of the chunk was written, because the row is elsewhere; null when it is gone. */
  moved(progress: PartitionProgress, row: bigint | null): void
  /** The position moved by skipped records alone: its row is to follow. */
  skipped(): void
}): BatchRunner {
  const { reader, acceptor, failures } = of
  const { group, clock, observe } = acceptor

  async function run(progress: PartitionProgress, batch: PartitionBatch): Promise<bigint> {
    const { partition, exemptBelow } = progress
    const { highWatermark, nextOffset } = batch
    observe({ is: 'fetched', group, partition, records: batch.records.length, highWatermark, nextOffset })
    await progress.busy?.catch(() => undefined)
    if (progress.seek) {
      progress.seek = false
      return progress.position
    }
    // What was fetched before the group paused itself stays unread.
    if (failures.reason !== null) return progress.position
    const records = batch.records.filter((record) => record.offset >= progress.position)
    for (const chunk of readChunks(reader, { partition, records, end: nextOffset, exemptBelow, failures })) {
      if (of.until(progress).aborted) break
      if (chunk.events.length + chunk.faulty.length === 0) skip(progress, chunk)
      else if (await accept(progress, chunk)) break
    }
    return progress.position
  }

  /** Nothing here is ours: the position moves now, the row later. */
  function skip(progress: PartitionProgress, chunk: ReadChunk): void {
    progress.position = chunk.next
    progress.last = chunk.last ?? progress.last
    if (chunk.skipped.size > 0) {
      const counts = countsOf(chunk, null)
      observe({ is: 'accepted', group, partition: progress.partition, next: chunk.next, counts, intents: 0, durationMs: 0 })
    }
    of.skipped()
  }

  /** Returns whether the partition now goes on elsewhere than at the chunk's end. */
  async function accept(progress: PartitionProgress, chunk: ReadChunk): Promise<boolean> {
    await progress.busy?.catch(() => undefined)
    const startedAt = clock.monotonic()
    const { partition, row, recoverBelow } = progress
    const work = acceptChunk(acceptor, { partition, expected: row, recoverBelow, signal: of.until(progress) }, chunk)
    progress.busy = work
    let end: ChunkEnd
    try {
      end = await work
    } finally {
      progress.busy = null
    }
    switch (end.is) {
      case 'ended':
        return true
      case 'moved':
        of.moved(progress, end.row)
        return true
      case 'accepted': {
        const { next } = chunk
        progress.row = next
        progress.position = next
        of.written(progress)
        const counts = countsOf(chunk, end)
        observe({ is: 'accepted', group, partition, next, counts, intents: end.intents, durationMs: clock.monotonic() - startedAt })
        const again = [...end.endings].filter(
          ([offset, ending]) => offset < recoverBelow && !(ending === 'repeated' || ending === 'dead-letter'),
        ).length
        if (again > 0) observe({ is: 'recovered', group, partition, events: again, next, below: recoverBelow })
        return false
      }
    }
  }

  return { run }
}
