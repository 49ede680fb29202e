import { messageOf } from '../std/failure.ts'
import type { AcceptStore } from './accept-store.ts'
import { writeSkippedProgress, hasUnwrittenProgress, type PartitionProgress } from './partition-progress.ts'

/** Writes the progress of partitions that moved by skipped records only: in the background, coalesced. */
export interface SkippedProgressWriter {
  /** A partition has moved; its row is written within the interval. */
  arm(): void
  /** Writes all rows that are not busy now, behind the write that is under way; never rejects. */
  flush(): Promise<void>
  stop(): void
}

export function createSkippedProgressWriter(of: {
  readonly store: AcceptStore
  readonly group: string
  readonly topic: string
  readonly everyMs: number
  partitions(): Iterable<PartitionProgress>
  onWritten(progress: PartitionProgress): void
  /** The row held another offset; null when it is gone. */
  onConflict(progress: PartitionProgress, row: bigint | null): void
  onFailed(cause: string): void
}): SkippedProgressWriter {
  let timer: NodeJS.Timeout | null = null
  let stopped = false
  let underway: Promise<void> = Promise.resolve()

  function arm(): void {
    if (stopped) return
    timer ??= setTimeout(() => {
      timer = null
      void flush()
    }, of.everyMs)
  }

  /** One write at a time: a stop that did not wait for the timer's would commit to Kafka before the rows that it writes. */
  function flush(): Promise<void> {
    underway = underway.then(write)
    return underway
  }

  /** Partitions that were busy or moved on meanwhile are written next time. */
  async function write(): Promise<void> {
    try {
      const { written, conflicts } = await writeSkippedProgress(of.store, of.group, of.topic, of.partitions())
      for (const progress of written) of.onWritten(progress)
      for (const [progress, row] of conflicts) of.onConflict(progress, row)
    } catch (error) {
      // Rows that lag behind lose nothing.
      of.onFailed(`progress of skipped records: ${messageOf(error)}`)
    }
    if ([...of.partitions()].some(hasUnwrittenProgress)) arm()
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
