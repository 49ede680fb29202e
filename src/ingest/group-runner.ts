import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import type { Observe } from '../model/fact.ts'
import type { GroupLife, GroupWorker } from './group-worker.ts'

/** Found sound so often in a row, a group that was stopped begins anew: `offsets reset` moves the rows first, and Kafka's offsets a moment later. */
const SOUND_CHECKS = 2

/**
 * A group from the start of the process to its end. What it reads is compared with its rows at every start and join, and every `checkMs`
 * in between, so that a loss is named on a quiet topic too. It stops this group alone, which begins a new life when the operator has decided.
 */
export function createGroupRunner(of: {
  readonly group: string
  /** Puts the group together anew. `known`: partitions that are known to have had a row. */
  begin(known: ReadonlySet<number>): GroupLife
  readonly clock: Pick<Clock, 'sleep'>
  readonly observe: Observe
  readonly checkMs: number
}): GroupWorker {
  const stopping = new AbortController()
  const { signal } = stopping
  const lost = Promise.withResolvers<Error>()
  let watching: Promise<void> = Promise.resolve()
  let life = begin(new Set())

  function begin(known: ReadonlySet<number>): GroupLife {
    const begun = of.begin(known)
    void begun.lost.then(lost.resolve)
    return begun
  }

  async function watch(): Promise<void> {
    let sound = 0
    while (!signal.aborted) {
      await of.clock.sleep(of.checkMs, signal)
      if (signal.aborted) return
      try {
        await life.check()
        sound += 1
      } catch (error) {
        // A refusal shows in the group's state; whatever else keeps the question from being answered shows where it is needed.
        of.observe({ is: 'log-unchecked', group: of.group, cause: messageOf(error) })
        sound = 0
      }
      if (life.status().state === 'refused' && sound >= SOUND_CHECKS) await again()
    }
  }

  async function again(): Promise<void> {
    const known = life.known()
    await life.stop()
    if (signal.aborted) return
    life = begin(known)
    of.observe({ is: 'group-resumed', group: of.group })
    // Rejects when it was stopped before it had joined, or is lost, which `lost` tells.
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
      // One that had begun meanwhile.
      await life.stop()
    },
    status: () => life.status(),
    recheckProgress: () => life.recheckProgress(),
    lost: lost.promise,
  }
}
