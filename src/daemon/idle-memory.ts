import { performance, type EventLoopUtilization } from 'node:perf_hooks'

/** What the process holds and does, and the way to collect. */
export interface IdleMemoryParts {
  /** Collects all garbage and returns free pages to the system; undefined where node was started without `--expose-gc`. */
  readonly collect: (() => void) | undefined
  /** Resident memory, in bytes. */
  readonly residentBytes: () => number
  /** The share of the time since the last call in which the event loop was busy. */
  readonly busyShare: () => number
}

/** Below this share of a core nothing is going on but polls and heartbeats. */
const IDLE_SHARE = 0.05
/** A collection takes 50 to 100 ms, so it has to be worth it. */
const WORTH_BYTES = 16 * 1024 * 1024

/**
 * Gives memory back that a start, or a time of work, has left. V8 keeps the pages of a young generation that work has made large, and collects
 * hardly anything in an idle process.
 *
 * @returns what is to be called every few seconds; it collects when the process was idle since the last call and holds 16 MiB more
 * than after the last collection
 */
export function idleMemory({ collect, residentBytes, busyShare }: IdleMemoryParts): () => void {
  let left = 0
  return () => {
    const isIdle = busyShare() < IDLE_SHARE
    if (!isIdle || collect === undefined || residentBytes() < left + WORTH_BYTES) return
    collect()
    left = residentBytes()
  }
}

/** The parts of the process itself. */
export function ofThisProcess(): IdleMemoryParts {
  const { gc } = globalThis
  let measured: EventLoopUtilization | undefined
  return {
    collect: gc && (() => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })),
    residentBytes: () => process.memoryUsage.rss(),
    busyShare() {
      const now = performance.eventLoopUtilization()
      // The first time nothing is known.
      const share = measured === undefined ? 1 : performance.eventLoopUtilization(now, measured).utilization
      measured = now
      return share
    },
  }
}
