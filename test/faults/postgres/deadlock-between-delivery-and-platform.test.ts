import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { countersOf } from '../../support/faults/probes.ts'

/**
 * Fault: The platform locks the row of an endpoint and then that of a reward, in the reverse order of the statement that settles a successful delivery.
 * Promise: The platform is never the victim; what the daemon had to abandon is counted and written again; every receiver is called once.
 */
test('a deadlock with the platform costs the worker a retry, and the platform nothing', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 34 })
  const { sql, transaction, webhooks } = fixture.base
  // The first session to wait is the first to look for a deadlock: time enough to close the cycle, and less than the lock timeout.
  await sql.query(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''3s''', current_database()); END $$`)
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const failures = () => countersOf(daemons, 'kafka_worker_execution_failures_total')

  let rings = 0
  let held: Promise<void> | null = null
  webhooks.respondWith(async ({ id }) => {
    if (rings === 2 || held !== null) return undefined
    const locked = Promise.withResolvers<void>()
    held = transaction(async (tx) => {
      await tx.query(`SET LOCAL deadlock_timeout = '60s'`)
      await tx.query(`SET LOCAL lock_timeout = 0`)
      const [platform] = await tx.query<{ pid: number }>(
        `UPDATE webhooks SET updated_at = updated_at
          WHERE id = (SELECT (envelope->>'endpointId')::uuid FROM worker.intents WHERE envelope->>'webhookId' = $1)
          RETURNING pg_backend_pid() AS pid`,
        [id],
      )
      locked.resolve()
      await eventually('the end of a delivery waits for the endpoint', async () => {
        const waits = await sql.query(
          `SELECT FROM pg_stat_activity WHERE application_name = 'kafka-worker delivery' AND $1 = ANY (pg_blocking_pids(pid))`,
          [platform?.pid],
        )
        return waits.length > 0 || `${String(platform?.pid)} blocks nobody`
      })
      // That of another delivery may be first; its statement has the rewards of all that it settles.
      await tx.query('UPDATE user_rewards SET updated_at = updated_at')
      rings += 1
    }).finally(() => (held = null))
    held.catch(locked.reject)
    await locked.promise
    return undefined
  })
  const calls: string[] = []
  webhooks.onCall(({ id }) => calls.push(id))
  await fixture.fault('the platform locks in another order', [], async () => {
    const traffic = fixture.traffic({ eventsPerSecond: 40 })
    await eventually('two rings are closed', () => rings === 2 || `${rings} rings`)
    await held
    await traffic.stop()
  })
  expect(await failures()).toBeGreaterThan(0)
  await eventually('the server has counted a deadlock of each ring', async () => {
    const [counted] = await sql.query<{ deadlocks: number }>(
      'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
    )
    return (counted?.deadlocks ?? 0) >= 2 || `${String(counted?.deadlocks)} deadlocks`
  })
  await fixture.assertHistory()
  expect(calls.toSorted()).toEqual([...new Set(calls)].toSorted())
})
