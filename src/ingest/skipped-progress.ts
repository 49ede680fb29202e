import { messageOf } from '../std/failure.ts'
import type { AcceptStore } from './accept-store.ts'
import { advanceSkips, isBehind, type PartitionProgress } from './partition-progress.ts'

/** Writes the rows of partitions that moved by skipped records alone: beside the work, coalesced. */
export interface SkipWriter {
  /** A partition has moved; its row follows within the interval. */
  arm(): void
  /** Writes now what can be written; never rejects. */
  flush(): Promise<void>
  stop(): void
}

export function createSkipWriter(of: {
  readonly store: AcceptStore
  readonly group: string
  readonly topic: string
  readonly everyMs: number
  partitions(): Iterable<PartitionProgress>
  written(progress: PartitionProgress): void
  /** Its row held something else; null when it is gone. */
  elsewhere(progress: PartitionProgress, row: bigint | null): void
  failed(cause: string): void
}): SkipWriter {
  let timer: NodeJS.Timeout | null = null
  let stopped = false

  function arm(): void {
    if (stopped) return
    timer ??= setTimeout(() => {
      timer = null
      void flush()
    }, of.everyMs)
  }

  /** What was busy, or went on meanwhile, has its turn later. */
  async function flush(): Promise<void> {
    try {
      const { written, elsewhere } = await advanceSkips(of.store, of.group, of.topic, of.partitions())
      for (const progress of written) of.written(progress)
      for (const [progress, row] of elsewhere) of.elsewhere(progress, row)
    } catch (error) {
      // The rows stay behind for now, which loses nothing.
      of.failed(`progress of skipped records: ${messageOf(error)}`)
    }
    if ([...of.partitions()].some(isBehind)) arm()
  }

  return {
    arm,
    flush,
    stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      timer = null
    },
  }
}
