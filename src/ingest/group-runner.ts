import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import type { Observe } from '../model/fact.ts'
import type { GroupRun, GroupWorker } from './group-worker.ts'

/** Successful checks in a row after which a refused group is restarted: `offsets reset` moves the rows first, and the committed offsets a moment later. */
const SOUND_CHECKS = 2

/**
 * Runs a group for the lifetime of the process. The log is compared with the progress rows at every start and join, and every `checkMs` in
 * between, so that a loss is detected on a quiet topic too. A fault stops this group only; it is restarted when the operator has resolved it.
 */
export function createGroupRunner(of: {
  readonly group: string
  /** Creates the group anew. `seenPartitions`: partitions that are known to have had a row. */
  createRun(known: ReadonlySet<number>): GroupRun
  readonly clock: Pick<Clock, 'sleep'>
  readonly observe: Observe
  readonly checkMs: number
}): GroupWorker {
  const stopping = new AbortController()
  const { signal } = stopping
  const lost = Promise.withResolvers<Error>()
  let watching: Promise<void> = Promise.resolve()
  let life = begin(new Set())

  function begin(known: ReadonlySet<number>): GroupRun {
    const begun = of.createRun(known)
    void begun.lost.then(lost.resolve)
    return begun
  }

  async function watch(): Promise<void> {
    let sound = 0
    while (!signal.aborted) {
      await of.clock.sleep(of.checkMs, signal)
      if (signal.aborted) return
      try {
        await life.checkLog()
        sound += 1
      } catch (error) {
        // A refusal shows in the group's state; other causes are reported where they block work.
        of.observe({ is: 'log-unchecked', group: of.group, cause: messageOf(error) })
        sound = 0
      }
      if (life.status().state === 'refused' && sound >= SOUND_CHECKS) await again()
    }
  }

  async function again(): Promise<void> {
    const known = life.seenPartitions()
    await life.stop()
    if (signal.aborted) return
    life = begin(known)
    of.observe({ is: 'group-resumed', group: of.group })
    // Rejects when it was stopped before it had joined, or is lost, which `lost` reports.
    await life.start().catch(() => null)
  }

  return {
    async start() {
      const refusal = await life.start()
      watching = watch()
      return refusal
    },
    async stop() {
      stopping.abort()
      await life.stop()
      await watching
      // A run that was started meanwhile.
      await life.stop()
    },
    status: () => life.status(),
    recheckProgress: () => life.recheckProgress(),
    lost: lost.promise,
  }
}
