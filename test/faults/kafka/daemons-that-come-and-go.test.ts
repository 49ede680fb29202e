import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { setFaultScene } from '../../support/faults/fault-scene.ts'
import type { RecordedDaemon } from '../../support/faults/recorded-daemon.ts'

/**
 * Fault: Next to a daemon that stays, others join and leave or are killed every few seconds under load, so that partitions move to others
 * and back to their former owner.
 * Promise: Each event is accepted once and in order, and no commit of a former ownership takes effect.
 */
test('daemons that join and leave every few seconds hand partitions over and back: nothing is lost or doubled', async () => {
  await using scene = await setFaultScene({ scenario: expect.getState().currentTestName, seed: 34, partitions: 6 })
  const stays = scene.daemon()
  await stays.ready()
  const traffic = scene.traffic({ eventsPerSecond: 60 })
  for (let round = 0; round < 5; round++) {
    const guest = scene.daemon()
    await guest.ready()
    // How long it may stay is what chance decides here.
    await pause(200 + scene.random.below(1_500))
    await scene.fault('a daemon leaves', ['daemon'], async () => {
      // In order, and twice without a word.
      guest.kill(round % 3 === 1 ? 'SIGKILL' : 'SIGTERM')
      await guest.exited
    })
  }
  await traffic.stop()
  await scene.drained()
  expect(traffic.told).toBeGreaterThan(100)
  expect(cameBack(stays)).toBeGreaterThan(0)
  await scene.verdict()
})

/** How many partitions the daemon owned, owned no more and owned again, in one of its groups. */
function cameBack({ lines }: RecordedDaemon): number {
  const joins = lines.filter(({ msg, group }) => msg === 'group joined' && String(group).endsWith('email-workers'))
  const owned = joins.map(({ partitions }) => new Set(Array.isArray(partitions) ? partitions : []))
  const back = owned.flatMap((now, at) => [...now].filter((one) => at > 1 && owned[at - 1]?.has(one) === false && owned[at - 2]?.has(one)))
  return back.length
}
