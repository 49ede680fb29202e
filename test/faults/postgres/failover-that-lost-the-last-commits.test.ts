import { expect, test } from 'vitest'
import { createScenario } from '../../../cmd/demo/scenario.ts'
import { eventually } from '../../support/eventually.ts'
import { takeBaseCopy } from '../../support/faults/base-copy.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { probesOf } from '../../support/faults/probes.ts'

const seed = 23

/**
 * Fault: A failover to a database that lacks the last commits, under traffic: a base copy takes its place. Kafka holds commits of events
 * that the database no longer has.
 * Promise: The daemons detect and report it, accept the lost events again, and mark them; each effect exists once, each mail under one id.
 */
test('a failover that lost the last commits is detected, and the lost events are accepted again and marked', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed, simulations: 1, ownPostgres: true })
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  // The platform's rows are written before the copy, and their events are published after it.
  const steps = [...createScenario(seed * 1_000).steps(240)]
  await fixture.play(steps.map(({ writes }) => ({ writes, publications: [], timing: 'usual' })))
  await eventually('the groups have begun', async () => (await rows()).length === 12 || `${(await rows()).length} rows`)
  const setBackTo = Date.now()
  await using copy = await fixture.fault('the database stops to be copied', ['database'], async () =>
    takeBaseCopy(fixture.servers.postgres ?? raise()),
  )
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  const published = fixture.play(steps.map(({ publications, timing }) => ({ writes: [], publications, timing })))
  await eventually('Kafka knows of more than the copy', async () => (await reported()) > 150 || `${await reported()} offsets`)
  await fixture.fault('a failover without the last commits', ['database'], () => copy.restore(), { setBackTo })
  await published
  await fixture.drained()

  const [found] = await fixture.base.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.outcomes WHERE recovered')
  expect(found?.count).toBeGreaterThan(50)
  const alarms = daemons.flatMap(({ lines }) => lines.filter(({ msg }) => msg === 'database-behind-kafka'))
  expect(alarms.length).toBeGreaterThan(0)
  expect((await Promise.all(daemons.map(probesOf))).map(({ live, ready }) => live && ready)).toEqual([true, true])
  await fixture.assertHistory()

  function rows() {
    return fixture.base.sql.query('SELECT FROM worker.progress')
  }
  async function reported(): Promise<number> {
    const { admin, group, topic } = fixture.base
    const committed = await admin.committed(group('email-workers'), topic)
    return [...committed.values()].reduce((sum, offset) => sum + Number(offset), 0)
  }
})

function raise(): never {
  throw new Error('The fixture has a database of its own.')
}
