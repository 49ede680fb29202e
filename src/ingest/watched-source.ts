import type { Fact } from '../model/fact.ts'
import type { PartitionBatch, RecordSource, SourceHandlers } from './record-source.ts'

/** A batch that was delivered and has not been handled to its end; `partition` -1 is the look for the start positions. */
export interface BatchUnderWay {
  readonly partition: number
  readonly records: number
  /** Milliseconds since 1970. */
  readonly since: number
  /** Counts its moves: chunks that ended, and tries of one that waits for a known reason. */
  readonly moves: number
  /** What it waits for, or null. */
  readonly waitsFor: string | null
}

/** A source whose batches can be looked at, and that takes nothing in while it is told to be quiet. */
export interface WatchedSource extends RecordSource {
  underWay(): readonly BatchUnderWay[]
  /** Hears the facts of its group: they tell that a batch moves. */
  hear(fact: Fact): void
  /** Whether fetching is stopped, by whomever. */
  isHeld(): boolean
  /** Whether it was told to be quiet. */
  isQuiet(): boolean
  /** Stops fetching, whatever else pauses and resumes; membership and batches under way go on. */
  quiet(on: boolean): void
  /** Begins with another source in place of the one that has ended; what it was told by {@link quiet} holds on. */
  renew(): void
}

interface Entry extends BatchUnderWay {
  moves: number
  waitsFor: string | null
}

const START_POSITIONS = -1

/** Watches a source from outside, so that no fault of the handling itself can hide that a batch stands still. */
export function watchSource(open: () => RecordSource, now: () => number): WatchedSource {
  let source = open()
  const entries = new Set<Entry>()
  let isPaused = false
  let isQuiet = false

  async function during<Result>(partition: number, records: number, work: () => Promise<Result>): Promise<Result> {
    const entry: Entry = { partition, records, since: now(), moves: 0, waitsFor: null }
    entries.add(entry)
    try {
      return await work()
    } finally {
      entries.delete(entry)
    }
  }

  function watched(handlers: SourceHandlers): SourceHandlers {
    return {
      assigned: (assignment) => during(START_POSITIONS, 0, () => handlers.assigned(assignment)),
      batch: (batch: PartitionBatch) => during(batch.partition, batch.records.length, () => handlers.batch(batch)),
      report: (report) => handlers.report(report),
    }
  }

  function moved(partition: number, waitsFor: string | null): void {
    for (const entry of entries) {
      if (entry.partition !== partition) continue
      entry.moves += 1
      entry.waitsFor = waitsFor
    }
  }

  function steer(): void {
    if (isPaused || isQuiet) source.pause()
    else source.resume()
  }

  return {
    start: (handlers) => source.start(watched(handlers)),
    pause() {
      isPaused = true
      steer()
    },
    resume() {
      isPaused = false
      steer()
    },
    quiet(on) {
      isQuiet = on
      steer()
    },
    renew() {
      source = open()
      isPaused = false
      steer()
    },
    isHeld: () => isPaused || isQuiet,
    isQuiet: () => isQuiet,
    replace: () => source.replace(),
    commit: (assignment, offsets) => source.commit(assignment, offsets),
    stop: (flush) => source.stop(flush),
    pulse: () => source.pulse(),
    get ended() {
      return source.ended
    },
    underWay: () => [...entries],
    hear(fact) {
      if (fact.is === 'accepted' || fact.is === 'dead-lettered' || fact.is === 'row-moved' || fact.is === 'resumed')
        moved(fact.partition, null)
      if (fact.is === 'waiting') moved(fact.partition, fact.cause)
    },
  }
}
