import { setTimeout as pause } from 'node:timers/promises'
import type { FaultFixture } from './fault-fixture.ts'

const EVERY_MS = 2_000

/** Waits until everything is done, and makes retries due that would wait for minutes or hours. */
export async function drainedWithRetriesDue(fixture: Pick<FaultFixture, 'drained' | 'makeRetriesDue'>, deadlineMs?: number): Promise<void> {
  const done = new AbortController()
  const makingDue = makeDueUntil(done.signal)
  try {
    await fixture.drained(deadlineMs)
  } finally {
    done.abort()
    await makingDue
  }

  async function makeDueUntil(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await fixture.makeRetriesDue()
      await pause(EVERY_MS, undefined, { signal: over }).catch(() => undefined)
    }
  }
}
