import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import type { RecordedDaemon } from '../../support/faults/recorded-daemon.ts'
import { returnedPartitions } from '../../support/faults/returned-partitions.ts'

/**
 * Fault: Next to a daemon that stays, others join and leave or are killed every few seconds under load, so that partitions move to others
 * and back to their former owner.
 * Promise: Each event is accepted once and in order, and no commit of a former ownership takes effect.
 */
test('daemons that join and leave every few seconds hand partitions over and back: nothing is lost or doubled', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 34, partitions: 6 })
  const stays = fixture.daemon()
  await stays.ready()
  const traffic = fixture.traffic({ eventsPerSecond: 60 })
  for (let round = 0; round < 5; round++) {
    const guest = fixture.daemon()
    await guest.ready()
    // How long it may stay is what chance decides here.
    await pause(200 + fixture.random.below(1_500))
    await fixture.fault('a daemon leaves', ['daemon'], async () => {
      // In order, and twice without a word.
      guest.kill(round % 3 === 1 ? 'SIGKILL' : 'SIGTERM')
      await guest.exited
    })
  }
  await traffic.stop()
  await fixture.drained()
  expect(traffic.acknowledged).toBeGreaterThan(100)
  // The last guest was killed: what it owned comes back when its session is over.
  await eventually(
    'partitions come back to the one that stays',
    () => returnedPartitions(assignments(stays)).size > 0 || JSON.stringify(assignments(stays)),
  )
  await fixture.assertHistory()
})

/** The partitions of each assignment of the daemon, in one of its groups. */
function assignments({ lines }: RecordedDaemon): number[][] {
  const joins = lines.filter(({ msg, group }) => msg === 'group joined' && String(group).endsWith('email-workers'))
  return joins.map(({ partitions }) => (Array.isArray(partitions) ? partitions.map(Number) : []))
}
