import type { OperatorOrders } from '../infra/postgres/admin/operator-orders.ts'
import type { ActivePause } from '../infra/postgres/admin/postgres-pause-admin.ts'
import type { Pause } from '../model/pause.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'

/** The pauses that this process follows, and whether operators want anything else, which is read after them. */
export interface PauseWatch {
  /** Reads the pauses, and retries until the database answers or `signal` aborts: nothing is fetched or claimed before. */
  first(signal: AbortSignal): Promise<void>
  /**
   * Reads the pauses once, and then the other orders. Rejects when the database does not answer: the last known set is kept, and each pause of
   * it still ends in time. Where only the other orders cannot be read, the pauses are followed nevertheless, and waking is tried.
   */
  poll(): Promise<void>
  /** The pauses that are not over, as they were read last, the oldest first. */
  current(): readonly Pause[]
  /** A replay of dead letters of the group was requested, as far as was read last. */
  wantsLetters(group: string): boolean
  /** A replay of a range was ordered in a group of this process, and is not over. */
  wantsReplay(): boolean
}

export function createPauseWatch(of: {
  readonly readPauses: () => Promise<readonly ActivePause[]>
  readonly readOrders: () => Promise<OperatorOrders>
  /** Called with all pauses after every reading, whether they have changed or not. */
  readonly apply: (pauses: readonly Pause[]) => void
  /** Called after every reading that found intents set aside, or could not look for them: what waits for a pause that is over goes on. */
  readonly wake: () => Promise<void>
  readonly onWaiting: (error: unknown) => void
  readonly clock: Clock
}): PauseWatch {
  const { clock } = of
  let known: readonly { readonly pause: Pause; readonly endsAt: number }[] = []
  let orders: OperatorOrders = { setAside: false, letters: [], replays: false }

  // Durations, not times of day: the clocks of the database and of this process may differ.
  const current = () => known.filter(({ endsAt }) => endsAt > clock.monotonic()).map(({ pause }) => pause)

  async function follow(): Promise<void> {
    try {
      const from = clock.monotonic()
      known = (await of.readPauses()).map(({ pause, leftMs }) => ({ pause, endsAt: leftMs === null ? Infinity : from + leftMs }))
    } finally {
      of.apply(current())
    }
  }

  return {
    current,
    wantsLetters: (group) => orders.letters.includes(group),
    wantsReplay: () => orders.replays,
    async poll() {
      await follow()
      try {
        orders = await of.readOrders()
      } catch (error) {
        orders = { ...orders, setAside: true }
        throw error
      } finally {
        if (orders.setAside) await of.wake()
      }
    },
    async first(signal) {
      for (let tries = 1; !signal.aborted; tries++) {
        try {
          return await follow()
        } catch (error) {
          if (tries === 1) of.onWaiting(error)
        }
        await clock.sleep(backoff(tries, { baseMs: 200, maxMs: 2_000 }), signal)
      }
    },
  }
}
