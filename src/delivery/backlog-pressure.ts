import type { Pressure } from '../model/pressure.ts'
import type { Channel } from './define-channel.ts'
import type { IntentStore } from './intent-store.ts'
import type { TransactionChannel } from './transaction-channel.ts'

/** How many due intents a group may have before it stops fetching, for each of its workers. */
const DUE_PER_WORKER = 100

type Counts = Pick<IntentStore, 'countDue' | 'oldestDueMs'>

/**
 * A group stops fetching while too much of what it accepted is due, and resumes at half, so that Kafka's lag remains the signal for scaling.
 * Channels whose intents coalesce go by the age of the oldest (`lateAfter`), all others together by their number.
 */
export function backlogPressure(
  store: Counts,
  of: { readonly group: string; readonly poolSize: number; readonly channels: readonly Channel<never>[] },
): Pressure {
  const byAge = of.channels.filter(isByAge)
  const counted = of.channels.filter((channel) => !isByAge(channel))
  const pressures = byAge.map((channel) => agePressure(store, of.group, channel))
  if (counted.length > 0) pressures.push(duePressure(store, { ...of, channels: counted }))
  return async (paused) => {
    for (const pressure of pressures) {
      const reason = await pressure(paused)
      if (reason !== null) return reason
    }
    return null
  }
}

/**
 * Counts due intents, tried before or not. Intents deferred for an endpoint that is busy or unavailable do not count, however many there
 * are: they delay only their tenant.
 */
function duePressure(store: Counts, of: Parameters<typeof backlogPressure>[1]): Pressure {
  const channels = of.channels.map(({ name }) => name)
  const high = DUE_PER_WORKER * of.poolSize
  return async (paused) => {
    const mark = paused ? high / 2 : high
    return (await store.countDue(of.group, channels, mark + 1)) > mark ? { reason: 'intents-due' } : null
  }
}

type ByAge = TransactionChannel<never> & Required<Pick<TransactionChannel<never>, 'lateAfter'>>

function isByAge(channel: Channel<never>): channel is ByAge {
  return 'lateAfter' in channel
}

function agePressure(store: Counts, group: string, { name, lateAfter: { ms, reason } }: ByAge): Pressure {
  return async (paused) => {
    const age = (await store.oldestDueMs(group, name)) ?? 0
    return age > (paused ? ms / 2 : ms) ? { reason } : null
  }
}
