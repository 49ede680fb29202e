import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { countersOf, probesOf } from '../../support/faults/probes.ts'

/**
 * Fault: All deliveries share one connection, and each group accepts over one; each statement takes 40 ms, and for a while a table that
 * every mail writes to is locked, so that requests for a connection time out.
 * Promise: Events are accepted throughout, and daemons stay ready; work that got no connection is done later, once.
 */
test('an exhausted pool delays deliveries, but neither accepts nor probes', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 31,
    variables: { DATABASE_POOL_SIZE: '1', ACCEPT_CONCURRENCY: '1' },
  })
  fixture.proxies.postgres.latency(20)
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const traffic = fixture.traffic({ eventsPerSecond: 20 })
  await eventually('traffic is under way', () => traffic.acknowledged > 60 || `${traffic.acknowledged} events`)

  const { sql, transaction } = fixture.base
  const withoutConnection = () => countersOf(daemons, 'kafka_worker_execution_failures_total')
  await fixture.fault('no connection is free', [], () =>
    transaction(async (tx) => {
      await tx.query('LOCK TABLE public.email_logs IN ACCESS EXCLUSIVE MODE')
      const before = await accepted()
      await eventually('deliveries get no connection', async () => (await withoutConnection()) > 5 || `${await withoutConnection()}`)
      await eventually('events are accepted', async () => (await accepted()) > before + 100 || `${await accepted()} of ${before}`)
      expect((await Promise.all(daemons.map(probesOf))).map(({ live, ready }) => live && ready)).toEqual([true, true])
    }),
  )
  await traffic.stop()
  fixture.proxies.postgres.latency(0)
  await fixture.assertHistory()

  async function accepted(): Promise<number> {
    const [row] = await sql.query<{ sum: string }>('SELECT sum(next_offset) FROM worker.progress')
    return Number(row?.sum)
  }
})
