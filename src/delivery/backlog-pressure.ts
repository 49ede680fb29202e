import type { Pressure } from '../model/pressure.ts'
import type { IntentStore } from './intent-store.ts'

/** How many due intents a group may have before it stops fetching, for each of its workers. */
const DUE_PER_WORKER = 100

/**
 * A group stops fetching while too much of what it accepted is due, and resumes at half: so Kafka's lag stays the true scaling
 * signal. It counts whatever fetching more would only add to, tried before or not. What is deferred for an endpoint that is busy or
 * away does not count, however much it is: that is its tenant's own loss.
 */
export function duePressure(store: Pick<IntentStore, 'countDue'>, on: { readonly group: string; readonly poolSize: number }): Pressure {
  const { group } = on
  const high = DUE_PER_WORKER * on.poolSize
  return async (paused) => {
    const mark = paused ? high / 2 : high
    return (await store.countDue(group, mark + 1)) > mark ? { reason: 'intents-due' } : null
  }
}

/** Recalculations coalesce, so their number says nothing: a group of these stops when the oldest has been due for too long. */
export function agePressure(store: Pick<IntentStore, 'oldestDueMs'>, group: string, maxAgeMs: number): Pressure {
  return async (paused) => {
    const age = (await store.oldestDueMs(group)) ?? 0
    return age > (paused ? maxAgeMs / 2 : maxAgeMs) ? { reason: 'recalculations-late' } : null
  }
}
