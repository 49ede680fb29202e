import type { Fact } from '../model/fact.ts'
import type { PartitionBatch, RecordSource, SourceHandlers } from './record-source.ts'

/** A batch being handled; `partition` -1 stands for reading the start offsets. */
export interface BatchInFlight {
  readonly partition: number
  readonly records: number
  /** Milliseconds since 1970. */
  readonly since: number
  /** Progress marker: counts finished chunks, and retries of a chunk that waits for a known reason. */
  readonly steps: number
  /** The reason for the current wait, or null. */
  readonly waitsFor: string | null
}

/** A record source whose batches in flight can be inspected, and that fetches nothing in quiet mode. */
export interface WatchedSource extends RecordSource {
  batchesInFlight(): readonly BatchInFlight[]
  /** Observes the facts of its group, which show the progress of batches. */
  onFact(fact: Fact): void
  /** Whether fetching is paused, for any reason. */
  isFetchingPaused(): boolean
  /** Whether quiet mode is on. */
  isQuiet(): boolean
  /** Switches quiet mode: fetching stops regardless of pause and resume; membership and batches in flight continue. */
  quiet(on: boolean): void
  /** What operators have paused: the whole group, or these partitions of it. Kept like quiet mode. */
  block(what: 'all' | ReadonlySet<number>): void
  /** Replaces a source that has ended with a new one; quiet mode is kept. */
  reopen(): void
}

interface Entry extends BatchInFlight {
  steps: number
  waitsFor: string | null
}

const START_OFFSETS = -1

/** Observes a source from outside, so that no bug in the handlers can hide a stalled batch. */
export function watchSource(open: () => RecordSource, now: () => number): WatchedSource {
  let source = open()
  const entries = new Set<Entry>()
  let isPaused = false
  let isQuiet = false
  let blocked: 'all' | ReadonlySet<number> = new Set()

  async function track<Result>(partition: number, records: number, work: () => Promise<Result>): Promise<Result> {
    const entry: Entry = { partition, records, since: now(), steps: 0, waitsFor: null }
    entries.add(entry)
    try {
      return await work()
    } finally {
      entries.delete(entry)
    }
  }

  function watched(handlers: SourceHandlers): SourceHandlers {
    return {
      assigned: (assignment) => track(START_OFFSETS, 0, () => handlers.assigned(assignment)),
      batch: (batch: PartitionBatch) => track(batch.partition, batch.records.length, () => handlers.batch(batch)),
      report: (report) => handlers.report(report),
    }
  }

  function onStep(partition: number, waitsFor: string | null): void {
    for (const entry of entries) {
      if (entry.partition !== partition) continue
      entry.steps += 1
      entry.waitsFor = waitsFor
    }
  }

  const isStopped = () => isPaused || isQuiet || blocked === 'all'

  function applyPause(): void {
    if (isStopped()) source.pause()
    else source.resume()
  }

  const partitionsHeld = (): ReadonlySet<number> => (blocked === 'all' ? new Set() : blocked)

  return {
    start: (handlers) => source.start(watched(handlers)),
    pause() {
      isPaused = true
      applyPause()
    },
    resume() {
      isPaused = false
      applyPause()
    },
    quiet(on) {
      isQuiet = on
      applyPause()
    },
    block(what) {
      blocked = what
      source.hold(partitionsHeld())
      applyPause()
    },
    reopen() {
      source = open()
      isPaused = false
      if (partitionsHeld().size > 0) source.hold(partitionsHeld())
      applyPause()
    },
    isFetchingPaused: isStopped,
    isQuiet: () => isQuiet,
    hold: (partitions) => source.hold(partitions),
    restartAssignment: () => source.restartAssignment(),
    commit: (assignment, offsets) => source.commit(assignment, offsets),
    stop: (flush) => source.stop(flush),
    activity: () => source.activity(),
    get ended() {
      return source.ended
    },
    batchesInFlight: () => [...entries],
    onFact(fact) {
      if (fact.is === 'accepted' || fact.is === 'dead-lettered' || fact.is === 'row-moved' || fact.is === 'resumed')
        onStep(fact.partition, null)
      if (fact.is === 'waiting') onStep(fact.partition, fact.cause)
    },
  }
}
