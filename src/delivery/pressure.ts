import type { Clock } from '../std/clock.ts'
import type { Pressure } from '../worker/backpressure.ts'
import type { IntentStore } from './intent-store.ts'

/** How many due intents a group may have before it stops fetching, for each of its workers. */
const DUE_PER_WORKER = 100
/** How many intents that were never attempted may be parked for one destination. */
const PARKED_PER_DESTINATION = 10_000
/** Parked ones are counted less often: of a large backlog that takes a while, and it is slow to grow. Milliseconds. */
const PARKED_EVERY_MS = 5_000

/**
 * A group stops fetching while too much of what it accepted is due and was never attempted, and resumes at half: so Kafka's
 * lag stays the true scaling signal. Retries and waiting mails do not count, nor what is parked for a destination that is busy
 * or away, up to a number that one tenant's dead endpoint may not pass.
 */
export function duePressure(
  store: Pick<IntentStore, 'countDue' | 'backlogged'>,
  on: { readonly group: string; readonly poolSize: number; readonly clock: Pick<Clock, 'now'> },
): Pressure {
  const { group, clock } = on
  const high = DUE_PER_WORKER * on.poolSize
  let countedAt = -Infinity
  let behind: string | null = null
  return async (paused) => {
    const mark = paused ? high / 2 : high
    if ((await store.countDue(group, mark + 1)) > mark) return { reason: 'intents-due' }
    if (clock.now() - countedAt >= PARKED_EVERY_MS) {
      behind = await store.backlogged(group, behind === null ? PARKED_PER_DESTINATION : PARKED_PER_DESTINATION / 2)
      countedAt = clock.now()
    }
    return behind === null ? null : { reason: 'destination-backlog', detail: `endpoint ${behind}` }
  }
}

/** Recalculations coalesce, so their number says nothing: a group of these stops when the oldest has been due for too long. */
export function agePressure(store: Pick<IntentStore, 'oldestDueMs'>, group: string, maxAgeMs: number): Pressure {
  return async (paused) => {
    const age = (await store.oldestDueMs(group)) ?? 0
    return age > (paused ? maxAgeMs / 2 : maxAgeMs) ? { reason: 'recalculations-late' } : null
  }
}
