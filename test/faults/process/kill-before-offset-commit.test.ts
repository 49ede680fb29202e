import { expect, test } from 'vitest'
import { eventsOfEveryHandler } from '../../support/faults/every-handler.ts'
import { waitingEvents } from '../../support/faults/waiting-events.ts'

/**
 * Fault: One daemon of each group is killed (SIGKILL) when it has accepted an event for every handler and is about to commit to Kafka.
 * Promise: The progress row decides, although Kafka has no commit: no event is accepted again, and only mails in flight are in doubt.
 */
test('SIGKILL before the commit to Kafka, with an event for every handler accepted: nothing is accepted twice', async () => {
  await using waiting = await waitingEvents(expect.getState().currentTestName)
  const dead = await waiting.killEveryGroupAt({ fact: 'committing', offset: 1 })
  for (const group of waiting.fixture.base.groups)
    expect({ group, ...dead[group] }).toMatchObject({ group, outcomes: eventsOfEveryHandler(group), row: 7, committed: 0 })

  await waiting.finish()
  const repeated = [...waiting.copies.values()].filter((copies) => copies > 1)
  expect(waiting.copies.size).toBe(9)
  // A call of the one webhook is no doubt: it may be repeated under its id.
  expect(repeated.length).toBeLessThanOrEqual((await waiting.doubts()) + 1)
})
