import type { AnyEvent } from '../events/event.ts'
import { isProjecting, type Consumer } from '../model/consumer.ts'
import { fingerprintOf } from '../model/fault-policy.ts'
import type { Clock } from '../std/clock.ts'
import type { AcceptStore } from './accept-store.ts'
import type { FetchGate } from './fetch-gate.ts'

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
  readonly probe: ConsumerProbe
  readonly fetchGate: FetchGate
  readonly clock: Clock
  /** Ends the probes. */
  readonly signal: AbortSignal
}): CrashLoopBreaker {
  const { rule, fetchGate, clock, signal } = of
  /** When each record failed, by fingerprint. */
  const failures = new Map<string, Map<string, number>>()
  let reason: string | null = null

  async function closeAfterProbe(event: AnyEvent): Promise<void> {
    for (;;) {
      await clock.sleep(rule.probeEveryMs, signal)
      if (signal.aborted) return
      if (await of.probe(event)) break
    }
    failures.clear()
    reason = null
    fetchGate.resume(REASON)
  }

  return {
    record(source, { event, error }) {
      const now = clock.monotonic()
      const fingerprint = fingerprintOf(error)
      const sources = new Map([...(failures.get(fingerprint) ?? [])].filter(([, at]) => now - at < rule.withinMs))
      failures.set(fingerprint, sources.set(source, now))
      if (sources.size < rule.limit || reason !== null) return
      reason = `${rule.limit} events failed within ${rule.withinMs / 1_000} s with the same error in the group's own code (${fingerprint}), so the group is paused: deploy a fixed or the previous version and restart; one of the events is retried every ${rule.probeEveryMs / 1_000} s`
      fetchGate.pause(REASON, reason)
      void closeAfterProbe(event)
    },
    get reason() {
      return reason
    },
  }
}

/** Runs the group's code again on an event that it failed on, and leaves no trace. Resolves to whether it succeeded; never rejects. */
export type ConsumerProbe = (event: AnyEvent) => Promise<boolean>

/** The probe of a consumer: `accept` is pure and is called as it is; `project` runs in a transaction that is rolled back. */
export function consumerProbe(consumer: Consumer, store: Pick<AcceptStore, 'rehearse'>): ConsumerProbe {
  return async (event) => {
    try {
      if (isProjecting(consumer)) await store.rehearse(consumer.project, event)
      else consumer.accept(event)
      return true
    } catch {
      // Still failing, or the database is away: the next probe is the retry.
      return false
    }
  }
}
