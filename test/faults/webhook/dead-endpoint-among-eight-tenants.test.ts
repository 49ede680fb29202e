import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { tenantsOf } from '../../support/faults/reward-steps.ts'
import { silence } from '../../support/faults/webhook-answers.ts'

/** The checker lets the first and the last five seconds of an outage pass. */
const OUTAGE_MS = 14_000
const ROUND_MS = 2_000
const FEWEST_ROUNDS = 4

/**
 * Fault: One endpoint of eight accepts requests and never answers, while every tenant continuously has deliveries due.
 * Promise: The deliveries of the others, all mails and all positions continue as if it did not exist; it gets its own deliveries when it
 * answers again.
 */
test('one dead endpoint among eight tenants: the others get their deliveries at the first attempt, and it gets its own afterwards', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 45,
    simulations: 2,
    variables: { WEBHOOK_DEADLINE_MS: '6000' },
  })
  const { webhooks, sql } = fixture.base
  const [dead, ...live] = tenantsOf(fixture.seedData, fixture.random)
  if (dead === undefined) throw new Error('There are eight tenants.')
  const others = live.map(({ campaign }) => campaign.id)
  await fixture.daemon().ready()
  const traffic = fixture.traffic({ eventsPerSecond: 20 })

  await fixture.fault('one endpoint never answers', ['webhook'], async () => {
    const until = Date.now() + OUTAGE_MS
    webhooks.respondWith(({ path }) => (path === dead.path ? silence() : undefined))
    for (let rounds = 0; Date.now() < until || rounds < FEWEST_ROUNDS; rounds++) {
      const next = Date.now() + ROUND_MS
      await fixture.play([...dead.earn(5), ...live.flatMap((tenant) => tenant.earn(1))])
      await eventually('the round is over', () => Date.now() > next || `${next - Date.now()} ms`)
    }
    await eventually('the others have theirs', async () => {
      const [row] = await sql.query<{ open: number }>(
        `SELECT count(*)::int AS open FROM worker.intents
          WHERE channel = 'webhook' AND campaign_id = ANY ($1::uuid[]) AND state NOT IN ('delivered', 'dead', 'skipped')`,
        [others],
      )
      return row?.open === 0 || `${row?.open} are open`
    })
    const [its] = await sql.query<{ open: number; done: number }>(
      `SELECT count(*) FILTER (WHERE state = 'pending')::int AS open, count(*) FILTER (WHERE state = 'delivered')::int AS done
         FROM worker.intents WHERE channel = 'webhook' AND campaign_id = $1 AND envelope->>'url' LIKE '%' || $2`,
      [dead.campaign.id, dead.path],
    )
    expect(its?.done).toBe(0)
    webhooks.respondWith(undefined)
  })
  const tries = await sql.query(
    `SELECT DISTINCT attempt FROM worker.intents WHERE channel = 'webhook' AND state = 'delivered' AND campaign_id = ANY ($1::uuid[])`,
    [others],
  )
  expect(tries).toEqual([{ attempt: 1 }])
  await traffic.stop()
  await drainedWithRetriesDue(fixture)
  const { checks } = await fixture.assertHistory()
  expect(checks.I11.checked).toBeGreaterThan(0)
})
