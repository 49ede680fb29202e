import { expect, test } from 'vitest'
import { eventsOfEveryHandler } from '../../support/faults/every-handler.ts'
import { waitingEvents } from '../../support/faults/waiting-events.ts'

/**
 * Fault: One daemon of each group is killed (SIGKILL) after it has accepted an event for every handler and before it has executed anything.
 * Promise: The rows stand: no event is accepted again, and every effect happens once.
 */
test('SIGKILL after an event for every handler was accepted: nothing is accepted twice, every effect happens once', async () => {
  await using waiting = await waitingEvents(expect.getState().currentTestName)
  const dead = await waiting.killEveryGroupAt({ fact: 'accepted' })
  for (const group of waiting.fixture.base.groups)
    expect({ group, ...dead[group] }).toMatchObject({ group, outcomes: eventsOfEveryHandler(group), row: 7, committed: 0 })
  expect([dead['email-workers']?.intents, dead['reward-workers']?.intents]).toEqual([7, 2])
  expect(waiting.copies.size).toBe(0)

  await waiting.finish()
  expect([...waiting.copies.values()]).toEqual(Array.from({ length: 9 }, () => 1))
  expect(await waiting.doubts()).toBe(0)
})
