import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { countersOf } from '../../support/faults/probes.ts'

/**
 * Fault: The platform locks the row of an endpoint and then that of a reward, in the reverse order of settling a delivery.
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
      const [reward] = await tx.query<{ id: string }>(
        `SELECT ur.id FROM worker.intents i JOIN user_rewards ur ON i.key = 'reward:' || ur.id::text WHERE i.envelope->>'webhookId' = $1`,
        [id],
      )
      await tx.query('UPDATE webhooks SET updated_at = updated_at')
      locked.resolve()
      await eventually('the end of the delivery waits for the endpoint', async () => {
        const waits = await sql.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
              AND application_name = 'kafka-worker delivery' AND query LIKE '%followed AS%'`,
        )
        return (reward !== undefined && waits.length > 0) || `${String(reward?.id)}, ${waits.length} wait`
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
  await fixture.assertHistory()
  expect(calls.toSorted()).toEqual([...new Set(calls)].toSorted())
})
