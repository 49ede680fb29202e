import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { waitingDeliveries } from '../../support/faults/waiting-deliveries.ts'

/**
 * Fault: A daemon is killed (SIGKILL) while the relay has the final dot of a mail of every type and of a reward by mail, and an endpoint
 * has the complete request of a reward, and none has replied.
 * Promise: Each delivery is in doubt and is sent exactly once more: a mail with the same Message-ID and a row that counts it, a webhook
 * with the same id and body.
 */
test('SIGKILL with every handler at its final dot or in its request: each is sent once more under the same id, and no third time', async () => {
  await using waiting = await waitingDeliveries(expect.getState().currentTestName, null)
  const { fixture, mails, copies, bodies } = waiting
  await waiting.letAllGo()
  fixture.base.smtp.respondWith((stage) => (stage === 'data' ? new Promise(() => undefined) : undefined))
  fixture.base.webhooks.respondWith(() => new Promise(() => undefined))
  await fixture.fault('a daemon is killed in the middle of everything', ['daemon'], async () => {
    const toBeKilled = fixture.daemon({ SMTP_MAX_CONNECTIONS: '10', MAIL_DEADLINE_MS: '300000', WEBHOOK_DEADLINE_MS: '300000' })
    await eventually('all has been handed over', () => (copies.size === mails + 1 && bodies.size === 1) || `${copies.size}, ${bodies.size}`)
    toBeKilled.kill('SIGKILL')
    expect(await toBeKilled.exited).toBe('SIGKILL')
  })
  expect(await waiting.states()).toEqual({
    mails: { handing_over: mails },
    rewards: { 'email handing_over': 1, 'webhook claimed': 1 },
    doubts: { 0: mails + 1 },
  })

  await waiting.settle()
  expect([...copies.values()]).toEqual(Array.from({ length: mails + 1 }, () => 2))
  expect([...bodies.values()].map((sent) => [sent.length, new Set(sent).size])).toEqual([[2, 1]])
  expect((await waiting.states()).doubts).toEqual({ 1: mails + 1 })
})
