import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import type { Observe } from '../model/fact.ts'
import type { GroupRun, GroupWorker } from './group-worker.ts'

/** Consecutive successful checks after which a refused group is restarted: `offsets reset` moves the rows first, and the committed offsets right after. */
const CHECKS_BEFORE_RESTART = 2

/**
 * Runs a group for the lifetime of the process. The log is compared with the progress rows at every start and join, and every `checkMs` in
 * between, so that a loss is detected on a quiet topic too. A fault stops this group only; it is restarted when the operator has resolved it.
 */
export function createGroupRunner(of: {
  readonly group: string
  /** Creates the group. `seenPartitions`: partitions that are known to have had a row. */
  createRun(seenPartitions: ReadonlySet<number>): GroupRun
  readonly clock: Pick<Clock, 'sleep'>
  readonly observe: Observe
  readonly checkMs: number
}): GroupWorker {
  const stopping = new AbortController()
  const { signal } = stopping
  const lost = Promise.withResolvers<Error>()
  let watching: Promise<void> = Promise.resolve()
  let run = begin(new Set())

  function begin(seenPartitions: ReadonlySet<number>): GroupRun {
    const created = of.createRun(seenPartitions)
    void created.lost.then(lost.resolve)
    return created
  }

  async function watch(): Promise<void> {
    let passed = 0
    while (!signal.aborted) {
      await of.clock.sleep(of.checkMs, signal)
      if (signal.aborted) return
      try {
        await run.checkLog()
        passed += 1
      } catch (error) {
        // A refusal shows in the group's state; other causes are reported where they block work.
        of.observe({ is: 'log-unchecked', group: of.group, cause: messageOf(error) })
        passed = 0
      }
      if (run.status().state === 'refused' && passed >= CHECKS_BEFORE_RESTART) await restart()
    }
  }

  async function restart(): Promise<void> {
    const seenPartitions = run.seenPartitions()
    await run.stop()
    if (signal.aborted) return
    run = begin(seenPartitions)
    of.observe({ is: 'group-resumed', group: of.group })
    // Rejects when the group is stopped before it has joined, or is lost, which `lost` reports.
    await run.start().catch(() => null)
  }

  return {
    async start() {
      const refusal = await run.start()
      watching = watch()
      return refusal
    },
    async stop() {
      stopping.abort()
      await run.stop()
      await watching
      // A restart may have begun a new run meanwhile.
      await run.stop()
    },
    status: () => run.status(),
    recheckProgress: () => run.recheckProgress(),
    lost: lost.promise,
  }
}
