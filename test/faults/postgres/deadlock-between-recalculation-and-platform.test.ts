import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { newUsersOf, withoutEvent, signUp } from '../../support/faults/new-users.ts'
import { countersOf } from '../../support/faults/probes.ts'
import { wrongPositions } from '../../support/mixed-events.ts'

/**
 * Fault: The platform locks participants of a campaign in another order than the recalculation that is writing them, so that each waits for
 * the other.
 * Promise: The platform is never the victim; the recalculation gives up within half a second, is counted, and is retried.
 */
test('a deadlock with the platform over participants costs the recalculation a retry, and the platform nothing', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 35, partitions: 1, simulations: 1 })
  const { sql, transaction } = fixture.base
  const campaign = fixture.seedData.flatMap(({ campaigns }) => campaigns).find(({ points }) => points === 3)
  if (campaign === undefined) throw new Error('A scenario has a campaign of three points.')
  const guests = newUsersOf(fixture)(campaign, 10)
  const idOf = (place: number) => guests[place - 1]?.person.id ?? ''
  const daemon = fixture.daemon({ LEADERBOARD_SWEEP_MS: '200' })
  await daemon.ready()
  await fixture.play(guests.map(signUp))
  await fixture.drained()
  const tries = () => countersOf([daemon], 'kafka_worker_deliveries_total', /channel="leaderboard".*outcome="waiting"/)
  expect(await tries()).toBe(0)

  const waiting = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND application_name = 'kafka-worker delivery' AND query LIKE '%WITH setting AS%'`
  await fixture.fault('the platform locks participants in another order', [], async () => {
    let ring = false
    await transaction(async (tx) => {
      // It would wait for a minute before it looked for a ring, and forever for a lock.
      await tx.query(`SET LOCAL deadlock_timeout = '60s'`)
      await tx.query('SET LOCAL lock_timeout = 0')
      const [me] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      // The ninth drops to tenth place when the tenth overtakes, and is written last.
      await tx.query('SELECT FROM waitlist_users WHERE id = $1 FOR UPDATE', [idOf(9)])
      const referral = { id: crypto.randomUUID(), campaignId: campaign.id, referrerId: idOf(10), referredId: idOf(1) }
      await fixture.play([withoutEvent({ is: 'refer', referral }, { is: 'confirm', referral })])
      await eventually('a recalculation waits for the ninth', async () => (await sql.query(waiting)).length > 0 || 'nobody')
      const all = tx.query('UPDATE waitlist_users SET updated_at = updated_at WHERE campaign_id = $1', [campaign.id])
      const rings = async () => {
        const rows = await sql.query(
          `SELECT FROM (${waiting}) AS theirs WHERE $1 = ANY (pg_blocking_pids(theirs.pid)) AND theirs.pid = ANY (pg_blocking_pids($1))`,
          [me?.pid],
        )
        return rows.length > 0
      }
      let ended = false
      const watch = (async () => {
        while (!ended && !ring) ring = await rings()
      })()
      await all.finally(() => (ended = true))
      await watch
    })
    expect(ring).toBe(true)
  })
  // The platform goes on the moment that the recalculation gives way, which is written down after.
  await eventually('the try is counted', async () => (await tries()) > 0 || 'not yet')
  await fixture.drained()
  expect(await wrongPositions(fixture.base, 3)).toEqual([])
  await fixture.assertHistory()
})
