import { expect, test } from 'vitest'
import { killDaemonAt } from '../../support/faults/kill-daemon-at.ts'
import { waitingDeliveries } from '../../support/faults/waiting-deliveries.ts'

/**
 * Fault: A daemon is killed (SIGKILL) when the other side has replied 250 or 2xx and no row records it: one delivery for a mail of every
 * type, for a reward by mail and for one by webhook.
 * Promise: Each delivery is in doubt and is sent exactly once more: a mail with the same Message-ID and a row that counts it, a webhook
 * with the same id and body.
 */
test('SIGKILL between the reply and its row, for every handler: each is sent once more under the same id, and no third time', async () => {
  await using waiting = await waitingDeliveries(expect.getState().currentTestName, null)
  const { fixture, mails, copies, bodies } = waiting
  await waiting.letAllGo()
  await Promise.all([
    ...Array.from({ length: mails }, () => killDaemonAt(fixture, 'email-workers', { fact: 'performed', outcome: 'done' })),
    ...Array.from({ length: 2 }, () => killDaemonAt(fixture, 'reward-workers', { fact: 'performed', outcome: 'done' })),
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
