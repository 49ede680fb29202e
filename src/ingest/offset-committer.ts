import type { Assignment, RecordSource } from './record-source.ts'

/** Commits the offsets of the progress rows to Kafka: in the background, coalesced, never above a row. */
export interface OffsetCommitter {
  /** Schedules a commit: the progress row of the partition now holds `offset`. */
  schedule(assignment: Assignment, partition: number, offset: bigint): void
  /** Commits pending offsets now; never rejects. */
  flush(): Promise<void>
  stop(): void
}

/**
 * One timer per group, armed only while offsets are pending. A broker may delay each commit by milliseconds to batch it, so awaiting
 * one commit per batch would multiply the latency by 70.
 */
export function createOffsetCommitter(source: Pick<RecordSource, 'commit'>, intervalMs: number): OffsetCommitter {
  let pending: { assignment: Assignment; offsets: Map<number, bigint> } | null = null
  /** Offsets committed in the latest assignment: a commit never goes backwards, although a restored row may. */
  let lastCommitted: { epoch: number; offsets: Map<number, bigint> } = { epoch: -1, offsets: new Map() }
  let timer: NodeJS.Timeout | null = null
  let stopped = false
  let sending: Promise<void> | null = null

  /** One commit at a time: of two in flight, the older one, refused and retried, would overtake the newer. */
  function flush(): Promise<void> {
    disarm()
    const next = sending === null ? send() : sending.then(send)
    sending = next
    const over = () => void (sending === next && (sending = null))
    void next.then(over, over)
    return next
  }

  async function send(): Promise<void> {
    const batch = pending
    pending = null
    if (batch === null || batch.assignment.signal.aborted) return
    const committed = await source.commit(batch.assignment, batch.offsets)
    for (const [partition, offset] of batch.offsets) {
      if (committed) recordCommitted(batch.assignment, partition, offset)
      // Not committed: kept for the next commit, unless a newer offset has been scheduled meanwhile.
      else enqueue(batch.assignment, partition, offset)
    }
  }

  function recordCommitted(assignment: Assignment, partition: number, offset: bigint): void {
    if (lastCommitted.epoch < assignment.epoch) lastCommitted = { epoch: assignment.epoch, offsets: new Map() }
    if (lastCommitted.epoch === assignment.epoch) lastCommitted.offsets.set(partition, offset)
  }

  function enqueue(assignment: Assignment, partition: number, offset: bigint): void {
    if (assignment.signal.aborted || (pending !== null && pending.assignment.epoch > assignment.epoch)) return
    const before = lastCommitted.epoch === assignment.epoch ? lastCommitted.offsets.get(partition) : undefined
    if (before !== undefined && before >= offset) return
    if (pending === null || pending.assignment.epoch < assignment.epoch) pending = { assignment, offsets: new Map() }
    const queued = pending.offsets.get(partition)
    if (queued === undefined || queued < offset) pending.offsets.set(partition, offset)
    arm()
  }

  function arm(): void {
    if (timer !== null || stopped) return
    timer = setTimeout(() => void flush(), intervalMs)
  }

  function disarm(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
  }

  return {
    schedule: enqueue,
    flush,
    stop() {
      stopped = true
      disarm()
    },
  }
}
