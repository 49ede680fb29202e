import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { notReadyFor } from '../../support/faults/probes.ts'
import { proxiedUrl } from '../../support/faults/proxied-url.ts'

const password = randomBytes(18).toString('base64url')

/**
 * Fault: The daemons' role loses rights while they run: first INSERT on worker.intents, then SELECT on waitlist_users.
 * Promise: Everything that needs the right waits and reports it, in readiness with the missing GRANT and in the log. Nothing is given up,
 * no event is treated as poison, and everything continues after the GRANT.
 */
test('daemons wait for a revoked right, and nothing is given up', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 33,
    // A role belongs to a whole server.
    ownPostgres: true,
    promises: { markers: [password] },
  })
  const { sql, databaseUrl } = fixture.base
  await sql.query(`CREATE ROLE worker_app LOGIN PASSWORD '${password}'`)
  await sql.query('GRANT USAGE ON SCHEMA worker, public TO worker_app')
  await sql.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA worker TO worker_app')
  await sql.query('GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO worker_app')
  const url = new URL(proxiedUrl(databaseUrl, fixture.proxies.postgres))
  url.username = 'worker_app'
  url.password = password
  const daemons = [fixture.daemon({ DATABASE_URL: url.href }), fixture.daemon({ DATABASE_URL: url.href })]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  await eventually('traffic is under way', () => traffic.acknowledged > 100 || `${traffic.acknowledged} events`)

  await fixture.fault('no right to INSERT on worker.intents', [], async () => {
    await sql.query('REVOKE INSERT ON worker.intents FROM worker_app')
    await Promise.all(daemons.map((daemon) => notReadyFor(daemon, /^\S*email-workers: waiting: .*SQLSTATE 42501/)))
    await Promise.all(daemons.map((daemon) => notReadyFor(daemon, /^database: database-refuses: .* may not INSERT on worker\.intents/)))
    await sql.query('GRANT INSERT ON worker.intents TO worker_app')
  })
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  for (const { lines } of daemons)
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'waiting', level: 'warn', cause: 'database: SQLSTATE 42501' }))

  await fixture.fault('no right to SELECT on waitlist_users', [], async () => {
    await sql.query('REVOKE SELECT ON waitlist_users FROM worker_app')
    // Events are accepted without it, and what needs the rows waits by itself: mails one by one, leaderboards as a whole.
    await eventually('mails wait', async () => (await waiting('prepare-failed')) > 20 || `${await waiting('prepare-failed')} wait`)
    await eventually('leaderboards wait', async () => (await waiting('sqlstate-42501')) > 0 || 'none waits')
    await Promise.all(
      daemons.map((daemon) => notReadyFor(daemon, /^database: database-refuses: .* may not SELECT on public\.waitlist_users/)),
    )
    await sql.query('GRANT SELECT ON waitlist_users TO worker_app')
  })
  expect(daemons.flatMap(({ lines }) => lines).some(({ detail }) => String(detail).includes('SQLSTATE 42501'))).toBe(true)
  await traffic.stop()
  // They would be looked at again within the minute.
  await sql.query(`UPDATE worker.intents SET due_at = now() WHERE state = 'pending' AND reason = 'prepare-failed'`)
  await fixture.assertHistory()

  async function waiting(reason: string): Promise<number> {
    const [row] = await sql.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM worker.intents WHERE state = 'pending' AND reason = $1`,
      [reason],
    )
    return row?.count ?? 0
  }
})
