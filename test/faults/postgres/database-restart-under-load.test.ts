import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/**
 * Fault: PostgreSQL is restarted three times under load: in fast mode, which aborts what is running, and in immediate mode, which amounts
 * to a crash.
 * Promise: Nothing is lost or doubled, no daemon exits, and all work is done soon after the last start.
 */
test.each(['fast', 'immediate'] as const)('a database that restarts under load (%s) costs only time', async (mode) => {
  const scenario = expect.getState().currentTestName
  await using fixture = await createFaultFixture({ scenario, seed: mode === 'fast' ? 20 : 21, ownPostgres: true })
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  const traffic = fixture.traffic({ eventsPerSecond: 60 })
  for (let round = 0; round < 3; round++) {
    const before = traffic.acknowledged
    await eventually('traffic is under way', () => traffic.acknowledged > before + 100 || `${traffic.acknowledged} events`)
    await fixture.fault('the database stops and starts again', ['database'], async () => fixture.servers.postgres?.restart(mode))
  }
  await traffic.stop()
  expect(daemons.map((daemon) => daemon.isOver())).toEqual([false, false])
  await fixture.assertHistory()
})
