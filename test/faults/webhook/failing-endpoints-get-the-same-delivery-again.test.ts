import { expect, test } from 'vitest'
import type { WebhookAnswer } from '../../../stack/webhook-sink.ts'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { tenantsOf } from '../../support/faults/reward-steps.ts'
import { cutBody, cutHead, drippingBody, drippingHeaders, endlessBody, redirect, silence } from '../../support/faults/webhook-answers.ts'

/** What an endpoint says at first, and what the row says then. */
const failures: readonly (readonly [name: string, answer: (elsewhere: string) => WebhookAnswer, becomes: string])[] = [
  ['nothing', () => silence(), 'timeout'],
  ['headers that drip forever', () => drippingHeaders(50), 'timeout'],
  ['500', () => ({ status: 500 }), 'server-error'],
  ['404', () => ({ status: 404 }), 'client-error'],
  ['500 with a body that drips forever', () => drippingBody(50, 500), 'server-error'],
  ['500 with a body without end', () => endlessBody(500), 'server-error'],
  ['an end of the connection', () => ({ drop: true }), 'connection-lost'],
  ['half a status line', () => cutHead(), 'connection-lost'],
  ['301', (elsewhere) => redirect(elsewhere, 301), 'redirected'],
  ['302', (elsewhere) => redirect(elsewhere, 302), 'redirected'],
  ['303', (elsewhere) => redirect(elsewhere, 303), 'redirected'],
  ['307', (elsewhere) => redirect(elsewhere, 307), 'redirected'],
  ['308', (elsewhere) => redirect(elsewhere, 308), 'redirected'],
  ['200 with a body that drips forever', () => drippingBody(50), 'delivered'],
  ['200 with a body without end', () => endlessBody(), 'delivered'],
  ['200 with half a body', () => cutBody(), 'delivered'],
]

/**
 * Fault: Each of sixteen endpoints fails in its own way: silence, errors, cut connections, redirects, headers and bodies that trickle or
 * never end.
 * Promise: An attempt ends at its deadline and follows no redirect; the delivery is repeated with the same id and bytes; a 2xx counts
 * whatever happens to its body.
 */
test('endpoints that each fail in their own way get the same delivery again, and no redirect is followed', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 41,
    simulations: failures.length / 4,
  })
  const { webhooks, sql } = fixture.base
  const tenants = tenantsOf(fixture.seedData, fixture.random)
  const elsewhere = `http://127.0.0.1:${fixture.proxies.webhooks.port}/elsewhere`
  const met = new Map<string, number>()
  webhooks.onCall(({ path }) => met.set(path, (met.get(path) ?? 0) + 1))
  await fixture.daemon({ WEBHOOK_DEADLINE_MS: '5000' }).ready()

  await fixture.fault('endpoints fail', ['webhook'], async () => {
    webhooks.respondWith(({ path }) => failures[tenants.findIndex((tenant) => tenant.path === path)]?.[1](elsewhere))
    await fixture.play(tenants.flatMap((tenant) => tenant.earn(1)))
    await eventually('each was tried', async () => {
      const rows = await sql.query(
        `SELECT FROM worker.intents WHERE channel = 'webhook' AND (state = 'delivered' OR state = 'pending' AND attempt > 0)`,
      )
      return rows.length === failures.length || `${rows.length} of ${failures.length}`
    })
    const rows = await sql.query<{ campaign_id: string; says: string }>(
      `SELECT campaign_id, CASE state WHEN 'pending' THEN reason ELSE state END AS says FROM worker.intents WHERE channel = 'webhook'`,
    )
    const said = new Map(rows.map(({ campaign_id, says }) => [campaign_id, says]))
    expect(failures.map(([name], index) => [name, said.get(tenants[index]?.campaign.id ?? '')])).toEqual(
      failures.map(([name, , becomes]) => [name, becomes]),
    )
    webhooks.respondWith(undefined)
  })
  await drainedWithRetriesDue(fixture)
  const ended = await sql.query(`SELECT DISTINCT state FROM worker.intents WHERE channel = 'webhook'`)
  expect(ended).toEqual([{ state: 'delivered' }])
  expect(met.get('/elsewhere')).toBeUndefined()
  const calls = failures.map(([name], index) => [name, (met.get(tenants[index]?.path ?? '') ?? 0) > 1])
  expect(calls).toEqual(failures.map(([name, , becomes]) => [name, becomes !== 'delivered']))
  await fixture.assertHistory()
})
