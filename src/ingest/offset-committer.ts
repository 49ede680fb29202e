import type { Assignment, RecordSource } from './record-source.ts'

/** Tells Kafka what the progress rows hold: beside the work, coalesced, never above a row. */
export interface CommitReporter {
  /** The row of this partition now holds `offset`. */
  note(assignment: Assignment, partition: number, offset: bigint): void
  /** Tells now what is still untold; never rejects. */
  flush(): Promise<void>
  stop(): void
}

/**
 * One timer per group, armed only while something is untold: a broker may hold each commit for milliseconds to gather others,
 * so awaiting one per batch costs 70 times the latency.
 */
export function createCommitReporter(source: Pick<RecordSource, 'commit'>, intervalMs: number): CommitReporter {
  let untold: { assignment: Assignment; offsets: Map<number, bigint> } | null = null
  /** What Kafka has been told in the latest assignment: a commit never goes backwards, though a restored row may. */
  let told: { epoch: number; offsets: Map<number, bigint> } = { epoch: -1, offsets: new Map() }
  let timer: NodeJS.Timeout | null = null
  let stopped = false
  let sending: Promise<void> | null = null

  /** One commit at a time: of two under way, the older one, refused and tried again, would end behind the newer. */
  function flush(): Promise<void> {
    disarm()
    const next = sending === null ? send() : sending.then(send)
    sending = next
    const over = () => void (sending === next && (sending = null))
    void next.then(over, over)
    return next
  }

  async function send(): Promise<void> {
    const telling = untold
    untold = null
    if (telling === null || telling.assignment.signal.aborted) return
    const committed = await source.commit(telling.assignment, telling.offsets)
    for (const [partition, offset] of telling.offsets) {
      if (committed) remember(telling.assignment, partition, offset)
      // Not told but still ours: kept for the next time, under whatever was noted meanwhile.
      else keep(telling.assignment, partition, offset)
    }
  }

  function remember(assignment: Assignment, partition: number, offset: bigint): void {
    if (told.epoch < assignment.epoch) told = { epoch: assignment.epoch, offsets: new Map() }
    if (told.epoch === assignment.epoch) told.offsets.set(partition, offset)
  }

  function keep(assignment: Assignment, partition: number, offset: bigint): void {
    if (assignment.signal.aborted || (untold !== null && untold.assignment.epoch > assignment.epoch)) return
    const before = told.epoch === assignment.epoch ? told.offsets.get(partition) : undefined
    if (before !== undefined && before >= offset) return
    if (untold === null || untold.assignment.epoch < assignment.epoch) untold = { assignment, offsets: new Map() }
    const known = untold.offsets.get(partition)
    if (known === undefined || known < offset) untold.offsets.set(partition, offset)
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
    note: keep,
    flush,
    stop() {
      stopped = true
      disarm()
    },
  }
}
