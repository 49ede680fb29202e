import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { setFaultScene } from '../../support/faults/fault-scene.ts'

/**
 * Fault: PostgreSQL is stopped in its immediate mode, a crash from the inside, and started again, three times under load.
 * Promise: nothing is lost or doubled, no daemon ends, and all is done soon after the last start.
 */
test('a database that crashes and comes back under load costs nothing but time', async () => {
  await using scene = await setFaultScene({ scenario: expect.getState().currentTestName, seed: 21, ownPostgres: true })
  const daemons = [scene.daemon(), scene.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  const traffic = scene.traffic({ eventsPerSecond: 60 })
  for (let round = 0; round < 3; round++) {
    const before = traffic.told
    await eventually('traffic is under way', () => traffic.told > before + 100 || `${traffic.told} events`)
    await scene.fault('the database crashes and starts again', ['database'], async () => scene.servers.postgres?.restart('immediate'))
  }
  await traffic.stop()
  await scene.verdict()
})
