import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { startDaemonKilledAt, type KilledDaemon } from '../../support/faults/kill-daemon-at.ts'
import type { FaultFixture } from '../../support/faults/fault-fixture.ts'
import { waitingDeliveries } from '../../support/faults/waiting-deliveries.ts'

const killAt = { fact: 'settled', outcome: ['sent', 'delivered'] } as const

/**
 * Fault: A daemon is killed (SIGKILL) when the outcome of a delivery is recorded: one delivery for a mail of every type, for a reward by
 * mail and for one by webhook, for a page of a broadcast and for a recalculation.
 * Promise: Nothing is sent or done a second time.
 */
test('SIGKILL after the outcome was recorded, for every handler: nothing is repeated', async () => {
  await using waiting = await waitingDeliveries(expect.getState().currentTestName, 'settled')
  const { fixture, mails, copies, bodies } = waiting
  await fixture.fault('daemons are killed behind their outcome rows', ['daemon'], async () => {
    const toBeKilled = (
      await Promise.all([startedInTurn(fixture, 'email-workers', mails), startedInTurn(fixture, 'reward-workers', 2)])
    ).flat()
    // One after the other: a worker begins the next mail while the row of the last is being written.
    for (let over = 1; over <= toBeKilled.length; over++) {
      await waiting.letOneGo()
      const dead = () => toBeKilled.filter((daemon) => daemon.isOver()).length
      await eventually('the daemon that took it is dead', () => dead() === over || `${dead()} of ${over}`)
    }
    await Promise.all(toBeKilled.map((daemon) => daemon.killed()))
  })
  const done = { mails: { sent: mails }, rewards: { 'email sent': 1, 'webhook delivered': 1 }, doubts: { 0: mails + 1 } }
  expect(await waiting.states()).toEqual(done)

  await waiting.settle()
  expect([...copies.values()]).toEqual(Array.from({ length: mails + 1 }, () => 1))
  expect([...bodies.values()].map((sent) => sent.length)).toEqual([1])
  expect(await waiting.states()).toEqual(done)
})

/** Each ready before the next begins. */
async function startedInTurn(fixture: FaultFixture, group: string, count: number): Promise<readonly KilledDaemon[]> {
  const all: KilledDaemon[] = []
  while (all.length < count) {
    const toBeKilled = startDaemonKilledAt(fixture, group, killAt)
    await toBeKilled.ready()
    all.push(toBeKilled)
  }
  return all
}
