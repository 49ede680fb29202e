import { expect, test } from 'vitest'
import { killDaemonAt } from '../../support/faults/kill-daemon-at.ts'
import { waitingDeliveries } from '../../support/faults/waiting-deliveries.ts'

/**
 * Fault: A daemon is killed (SIGKILL) when the start of a delivery is committed and no byte of its body has been sent: one delivery for a mail
 * of every type, for a reward by mail and for one by webhook, for a page of a broadcast and for a recalculation.
 * Promise: Everything is sent once. The mails count as in doubt, and their rows record it.
 */
test('SIGKILL between the start and the first byte, for every handler: everything is sent once, and the mails are marked as in doubt', async () => {
  await using waiting = await waitingDeliveries(expect.getState().currentTestName, 'started')
  const { fixture, mails, copies, bodies } = waiting
  await waiting.letAllGo()
  await Promise.all([
    ...Array.from({ length: mails }, () => killDaemonAt(fixture, 'email-workers', { fact: 'started' })),
    ...Array.from({ length: 2 }, () => killDaemonAt(fixture, 'reward-workers', { fact: 'started' })),
  ])
  expect(await waiting.states()).toEqual({
    mails: { handing_over: mails },
    rewards: { 'email handing_over': 1, 'webhook claimed': 1 },
    doubts: { 0: mails + 1 },
  })
  expect([copies.size, bodies.size]).toEqual([0, 0])

  await waiting.settle()
  expect([...copies.values()]).toEqual(Array.from(copies, () => 1))
  expect([...bodies.values()].map((sent) => sent.length)).toEqual([1])
  // The milestone mail of the page that was killed is of later, and nobody's victim.
  expect((await waiting.states()).doubts).toEqual({ 0: 1, 1: mails + 1 })
})
