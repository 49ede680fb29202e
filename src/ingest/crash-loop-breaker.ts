import type { AnyEvent } from '../events/event.ts'
import type { Clock } from '../std/clock.ts'
import type { FetchGate } from './fetch-gate.ts'
import { fingerprintOf } from '../model/fault-policy.ts'

/** `limit` dead letters with one error fingerprint within `withinMs` pause the group; a probe runs every `probeEveryMs`. */
export interface CrashLoopRule {
  readonly limit: number
  readonly withinMs: number
  readonly probeEveryMs: number
}

/** A bad deploy must not move the whole topic to the dead-letter topic. */
export const crashLoopRule: CrashLoopRule = { limit: 5, withinMs: 60_000, probeEveryMs: 300_000 }

/** An event on which consumer code threw twice. */
export interface ConsumerFailure {
  readonly event: AnyEvent
  readonly error: unknown
}

export interface CrashLoopBreaker {
  /**
   * Records a failure before it becomes a dead letter; a record that is read again counts once. Opening takes effect at once for all
   * partitions of the group, so that chunks read afterwards hold no further failure.
   *
   * @param source partition and offset of the record
   */
  record(source: string, failure: ConsumerFailure): void
  /** While open, the sentence that says why the group is paused; null while closed. */
  readonly reason: string | null
}

/** The pause reason in facts and metrics. */
const REASON = 'equal-failures'

/** State of this process only: a restart resets it, and so does a successful probe on the event that opened it. */
export function createCrashLoopBreaker(of: {
  readonly rule: CrashLoopRule
  /** Whether the group's code takes an event that it failed on; nothing may be left of the attempt. */
  readonly retry: (event: AnyEvent) => Promise<boolean>
  readonly fetchGate: FetchGate
  readonly clock: Clock
  /** Ends the probes. */
  readonly signal: AbortSignal
}): CrashLoopBreaker {
  const { rule, fetchGate: brake, clock, signal } = of
  /** When each record failed, by fingerprint. */
  const failures = new Map<string, Map<string, number>>()
  let reason: string | null = null

  async function probe(event: AnyEvent): Promise<void> {
    for (;;) {
      await clock.sleep(rule.probeEveryMs, signal)
      if (signal.aborted) return
      if (await of.retry(event)) break
    }
    failures.clear()
    reason = null
    brake.resume(REASON)
  }

  return {
    record(source, { event, error }) {
      const now = clock.monotonic()
      const fingerprint = fingerprintOf(error)
      const sources = new Map([...(failures.get(fingerprint) ?? [])].filter(([, at]) => now - at < rule.withinMs))
      failures.set(fingerprint, sources.set(source, now))
      if (sources.size < rule.limit || reason !== null) return
      reason = `${rule.limit} events failed within ${rule.withinMs / 1_000} s with the same error in the group's own code (${fingerprint}), so the group is paused: deploy a fixed or the previous version and restart; one of the events is retried every ${rule.probeEveryMs / 1_000} s`
      brake.pause(REASON, reason)
      void probe(event)
    },
    get reason() {
      return reason
    },
  }
}
