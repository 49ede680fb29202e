import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import { messageOf } from '../std/failure.ts'
import type { AcceptStore, ProgressRow } from './accept-store.ts'
import type { LogAdmin } from './log-admin.ts'
import { StartRefused, startPositions, type StartFrom } from './start-position.ts'

/** Finds out where the partitions of one group start, in the database and the log. */
export interface Positions {
  /**
   * The rows of all partitions, missing ones written.
   *
   * @throws {StartRefused} the group may not start until the operator decides.
   */
  read(): Promise<readonly ProgressRow[]>
  /** The same, asked again while the database or the broker is away; null when `signal` aborts meanwhile. */
  untilRead(
    signal: AbortSignal,
    waiting: (cause: string, retryInMs: number, attempt: number) => void,
  ): Promise<readonly ProgressRow[] | null>
}

export function createPositions(of: {
  readonly group: string
  readonly topic: string
  readonly store: AcceptStore
  readonly admin: LogAdmin
  readonly startFrom: StartFrom
  readonly clock: Clock
}): Positions {
  const { group, topic, store, admin, startFrom, clock } = of

  async function read(): Promise<readonly ProgressRow[]> {
    const ranges = await admin.ranges(topic)
    const rows = await store.readProgress(group, topic)
    const first = rows.length === 0
    const answer = startPositions({
      group,
      topic,
      rows,
      ranges,
      committed: first ? await admin.committed(group, topic) : new Map(),
      startFrom,
      offsetsAtTime: first && startFrom instanceof Date ? await admin.offsetsAt(topic, startFrom) : new Map(),
    })
    if (answer.is === 'refuse') throw new StartRefused(answer.sentence)
    if (answer.create.length === 0) return rows
    // Another process may write the same rows at this moment: whatever is there first is the truth.
    await store.createProgress(group, topic, answer.create)
    return store.readProgress(group, topic)
  }

  return {
    read,
    async untilRead(signal, waiting) {
      for (let attempt = 1; !signal.aborted; attempt++) {
        try {
          return await read()
        } catch (error) {
          if (error instanceof StartRefused) throw error
          const retryInMs = backoff(attempt, { baseMs: 200, maxMs: 5_000 })
          waiting(`start positions: ${messageOf(error)}`, retryInMs, attempt)
          await clock.sleep(retryInMs, signal)
        }
      }
      return null
    },
  }
}
