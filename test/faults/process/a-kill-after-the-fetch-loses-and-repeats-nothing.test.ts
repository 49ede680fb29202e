import { expect, test } from 'vitest'
import { waitingEvents } from '../../support/faults/waiting-events.ts'

/**
 * Fault: of each group a daemon is killed (SIGKILL) when it has fetched an event for every handler and accepted none.
 * Promise: nothing was done, and the next daemon does all of it once.
 */
test('SIGKILL behind the fetch of an event for every handler: nothing was done, and everything is done once', async () => {
  await using waiting = await waitingEvents(expect.getState().currentTestName)
  const dead = await waiting.doomEveryGroup({ fact: 'fetched' })
  const nothing = { outcomes: {}, row: 0, committed: 0, intents: 0 }
  // The sweep may have found campaigns that were never recalculated.
  const swept = { ...nothing, intents: expect.any(Number) }
  expect(dead).toEqual(Object.fromEntries(waiting.scene.scene.groups.map((name) => [name, name === 'position-workers' ? swept : nothing])))

  await waiting.settle()
  expect([...waiting.copies.values()]).toEqual(Array.from({ length: 9 }, () => 1))
  expect(await waiting.doubts()).toBe(0)
})
