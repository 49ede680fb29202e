import type { AnyEvent } from '../events/event.ts'
import type { Clock } from '../std/clock.ts'
import type { Brake } from './fetch-gate.ts'
import type { Consumer } from '../model/consumer.ts'
import { fingerprintOf } from '../model/fault-policy.ts'

/** So many dead letters of one fault of consumer code within so long pause their group; it is tried again every so often. */
export interface EqualFailuresRule {
  readonly limit: number
  readonly withinMs: number
  readonly probeEveryMs: number
}

/** A bad deploy must not empty the topic into the dead letters. */
export const equalFailuresRule: EqualFailuresRule = { limit: 5, withinMs: 60_000, probeEveryMs: 300_000 }

/** An event that consumer code has thrown on, twice. */
export interface ConsumerFailure {
  readonly event: AnyEvent
  readonly error: unknown
}

export interface EqualFailures {
  /**
   * Counts a record before it becomes a dead letter; one that is read again counts once. It decides at once and for all
   * partitions of the group, so that no chunk read after the last one that counts holds another.
   */
  count(place: string, failure: ConsumerFailure): void
  /** Why the group reads nothing more, or null. */
  readonly reason: string | null
}

/** Label of the pause in facts and metrics. */
const REASON = 'equal-failures'

/** Known in this process only: a restart begins anew, and so does the success of a probe on the very event that failed. */
export function createEqualFailures(of: {
  readonly rule: EqualFailuresRule
  readonly consumer: Consumer
  readonly brake: Brake
  readonly clock: Clock
  /** Ends the probes. */
  readonly signal: AbortSignal
}): EqualFailures {
  const { rule, consumer, brake, clock, signal } = of
  /** When each place failed, by fingerprint. */
  const failed = new Map<string, Map<string, number>>()
  let reason: string | null = null

  async function probe(event: AnyEvent): Promise<void> {
    for (;;) {
      await clock.sleep(rule.probeEveryMs, signal)
      if (signal.aborted) return
      if (takes(consumer, event)) break
    }
    failed.clear()
    reason = null
    brake.release(REASON)
  }

  return {
    count(place, { event, error }) {
      const now = clock.monotonic()
      const fingerprint = fingerprintOf(error)
      const places = new Map([...(failed.get(fingerprint) ?? [])].filter(([, at]) => now - at < rule.withinMs))
      failed.set(fingerprint, places.set(place, now))
      if (places.size < rule.limit || reason !== null) return
      reason = `${rule.limit} events within ${rule.withinMs / 1_000} s failed alike in this group's own code (${fingerprint}), so it reads no more: put a mended or the former version in place and restart; one of the events is tried again every ${rule.probeEveryMs / 1_000} s`
      brake.hold(REASON, reason)
      void probe(event)
    },
    get reason() {
      return reason
    },
  }
}

function takes(consumer: Consumer, event: AnyEvent): boolean {
  try {
    consumer.accept(event)
    return true
  } catch {
    // As before: the next probe is the retry.
    return false
  }
}
