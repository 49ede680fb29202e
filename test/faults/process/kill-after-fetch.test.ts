import { expect, test } from 'vitest'
import { waitingEvents } from '../../support/faults/waiting-events.ts'

/**
 * Fault: One daemon of each group is killed (SIGKILL) when it has fetched an event for every handler and accepted none.
 * Promise: Nothing had happened, and the next daemon produces every effect once.
 */
test('SIGKILL after an event for every handler was fetched: nothing had happened, and every effect happens once', async () => {
  await using waiting = await waitingEvents(expect.getState().currentTestName)
  const dead = await waiting.killEveryGroupAt({ fact: 'fetched' })
  const nothing = { outcomes: {}, row: 0, committed: 0, intents: 0 }
  // The sweep may have found campaigns that were never recalculated.
  const swept = { ...nothing, intents: expect.any(Number) }
  expect(dead).toEqual(Object.fromEntries(waiting.fixture.base.groups.map((name) => [name, name === 'position-workers' ? swept : nothing])))

  await waiting.finish()
  expect([...waiting.copies.values()]).toEqual(Array.from({ length: 9 }, () => 1))
  expect(await waiting.doubts()).toBe(0)
})
