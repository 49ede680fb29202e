import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { tenantsOf } from '../../support/faults/reward-steps.ts'

/**
 * Fault: An endpoint answers 410: its owner wants no more deliveries.
 * Promise: It is set to failed and never called again; its remaining deliveries record the reason; other endpoints get theirs.
 */
test('an endpoint that answers 410 is set to failed and not called again, while the others get their deliveries', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 43, simulations: 1 })
  const { webhooks, sql } = fixture.base
  // The first tenant's address is in a row of its account too, which would be next.
  const [first, gone, ...rest] = tenantsOf(fixture.seedData, fixture.random)
  if (first === undefined || gone === undefined) throw new Error('There are four tenants.')
  const others = [first, ...rest]
  let calls = 0
  webhooks.onCall(({ path }) => {
    if (path === gone.path) calls += 1
  })
  webhooks.respondWith(({ path }) => (path === gone.path ? { status: 410 } : undefined))
  await fixture.daemon().ready()
  await fixture.play([...gone.earn(1), ...others.flatMap((tenant) => tenant.earn(2))])
  await eventually('the endpoint is failed', async () => {
    const rows = await sql.query(`SELECT FROM webhooks WHERE campaign_id = $1 AND status = 'failed'`, [gone.campaign.id])
    return rows.length === 1 || 'not yet'
  })
  await fixture.play([...gone.earn(3), ...others.flatMap((tenant) => tenant.earn(2))])
  await fixture.drained()
  const ends = async (those: readonly string[]) =>
    sql.query(
      `SELECT state, reason, count(*)::int FROM worker.intents WHERE channel = 'webhook' AND campaign_id = ANY ($1::uuid[]) GROUP BY 1, 2 ORDER BY 3`,
      [those],
    )
  expect(await ends([gone.campaign.id])).toEqual([
    { state: 'dead', reason: 'gone', count: 1 },
    { state: 'dead', reason: 'no-endpoint', count: 3 },
  ])
  expect(await ends(others.map(({ campaign }) => campaign.id))).toEqual([{ state: 'delivered', reason: null, count: 12 }])
  expect(calls).toBe(1)
  await fixture.assertHistory()
})
