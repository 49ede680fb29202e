import { expect, test } from 'vitest'
import { doom } from '../../support/faults/doom.ts'
import { waitingDeliveries } from '../../support/faults/waiting-deliveries.ts'

/**
 * Fault: a daemon is killed (SIGKILL) when the other side has answered 250 or 2xx and no row says so: one for each mail of every type, for a
 * reward by mail and one by webhook.
 * Promise: each is in doubt and goes out once more, and no oftener: a mail with the same Message-ID and a row that counts it, a webhook
 * with the same id and body.
 */
test('SIGKILL between the answer and its row, for every handler: a second copy of each, known by its id, and no third', async () => {
  await using waiting = await waitingDeliveries(expect.getState().currentTestName, null)
  const { scene, mails, copies, bodies } = waiting
  await waiting.letAllGo()
  await Promise.all([
    ...Array.from({ length: mails }, () => doom(scene, 'email-workers', { fact: 'performed', outcome: 'done' })),
    ...Array.from({ length: 2 }, () => doom(scene, 'reward-workers', { fact: 'performed', outcome: 'done' })),
  ])
  expect(await waiting.states()).toEqual({
    mails: { handing_over: mails },
    rewards: { 'email handing_over': 1, 'webhook claimed': 1 },
    doubts: { 0: mails + 1 },
  })
  expect([...copies.values()]).toEqual(Array.from({ length: mails + 1 }, () => 1))

  await waiting.settle()
  expect([...copies.values()]).toEqual(Array.from({ length: mails + 1 }, () => 2))
  expect([...bodies.values()].map((sent) => [sent.length, new Set(sent).size])).toEqual([[2, 1]])
  expect((await waiting.states()).doubts).toEqual({ 1: mails + 1 })
})
