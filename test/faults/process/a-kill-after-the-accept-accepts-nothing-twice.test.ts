import { expect, test } from 'vitest'
import { eventsOfEveryHandler } from '../../support/faults/every-handler.ts'
import { waitingEvents } from '../../support/faults/waiting-events.ts'

/**
 * Fault: of each group a daemon is killed (SIGKILL) when it has accepted an event for every handler, and done nothing else.
 * Promise: the rows stand, nobody accepts them again, and what follows from them is done once.
 */
test('SIGKILL behind the accept of an event for every handler: the row decides, nothing is accepted twice, everything is done once', async () => {
  await using waiting = await waitingEvents(expect.getState().currentTestName)
  const dead = await waiting.doomEveryGroup({ fact: 'accepted' })
  for (const group of waiting.scene.scene.groups)
    expect({ group, ...dead[group] }).toMatchObject({ group, outcomes: eventsOfEveryHandler(group), row: 7, committed: 0 })
  expect([dead['email-workers']?.intents, dead['reward-workers']?.intents]).toEqual([7, 2])
  expect(waiting.copies.size).toBe(0)

  await waiting.settle()
  expect([...waiting.copies.values()]).toEqual(Array.from({ length: 9 }, () => 1))
  expect(await waiting.doubts()).toBe(0)
})
