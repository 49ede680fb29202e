import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { notReadyFor, probesOf } from '../../support/faults/probes.ts'
import { createFailingTables } from '../../support/faults/failing-tables.ts'

/**
 * Fault: Every byte to and from the database is delayed by 100 to 500 ms, so that a statement takes 200 to 1,000 ms; then the statements of
 * accepts exceed DATABASE_STATEMENT_TIMEOUT_MS and are cancelled.
 * Promise: While the database is slow, daemons work and are ready. While statements are cancelled, the groups wait, not ready, and report
 * why; nothing is given up or doubled.
 */
test('a slow database costs only time, and a statement that takes too long is retried', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 32,
    variables: { DATABASE_STATEMENT_TIMEOUT_MS: '1500' },
  })
  const { sql } = fixture.base
  const outcomes = await createFailingTables(sql, ['worker.outcomes'])
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const traffic = fixture.traffic({ eventsPerSecond: 20 })
  await eventually('traffic is under way', () => traffic.acknowledged > 40 || `${traffic.acknowledged} events`)

  await fixture.fault('the database is far away', [], async () => {
    for (let round = 0; round < 4; round++) {
      fixture.proxies.postgres.latency(100 + fixture.random.below(400))
      const before = await accepted()
      await eventually('events are accepted', async () => (await accepted()) > before + 30 || `${await accepted()} of ${before}`)
      expect((await Promise.all(daemons.map(probesOf))).map(({ live, ready }) => live && ready)).toEqual([true, true])
    }
    fixture.proxies.postgres.latency(0)
  })
  await fixture.fault('statements take too long', [], async () => {
    await outcomes.inject('PERFORM pg_sleep(10)')
    await Promise.all(daemons.map((daemon) => notReadyFor(daemon, /^\S*-workers: waiting: .*SQLSTATE 57014/)))
    await outcomes.heal()
  })
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  await traffic.stop()
  await fixture.assertHistory()

  async function accepted(): Promise<number> {
    const [row] = await sql.query<{ sum: string }>('SELECT sum(next_offset) FROM worker.progress')
    return Number(row?.sum)
  }
})
