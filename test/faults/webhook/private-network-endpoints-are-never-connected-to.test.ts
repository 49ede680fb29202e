import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { drainedWithRetriesDue } from '../../support/faults/drained-with-retries-due.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { tenantsOf } from '../../support/faults/reward-steps.ts'
import { workerctlFor } from '../../support/workerctl-for.ts'

/** Hosts of our own network in several notations, one that is nobody's, and what a delivery there says. */
const hosts: readonly (readonly [host: string, becomes: string])[] = [
  ['127.0.0.1', 'address-refused'],
  ['localhost', 'address-refused'],
  ['2130706433', 'address-refused'],
  ['0x7f.1', 'address-refused'],
  ['[::1]', 'address-refused'],
  ['[::ffff:127.0.0.1]', 'address-refused'],
  ['0.0.0.0', 'address-refused'],
  ['10.0.0.1', 'address-refused'],
  ['192.168.1.1', 'address-refused'],
  ['169.254.169.254', 'address-refused'],
  ['[fd00::1]', 'address-refused'],
  ['nobody.invalid', 'unresolved'],
]

/**
 * Fault: Tenants configure endpoints in our own network, by addresses in several notations and by name, and one whose name does not
 * resolve.
 * Promise: None is connected to, the deliveries record why, and when the endpoints are corrected and the operator retries, each delivery is
 * made.
 */
test('endpoints in our own network, by address or by name, are never connected to, and get nothing until they are corrected', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 44, simulations: hosts.length / 4 })
  await using forbidden = await startForbidden()
  const { webhooks, sql } = fixture.base
  const tenants = tenantsOf(fixture.seedData, fixture.random)
  const right = `http://127.0.0.1:${fixture.proxies.webhooks.port}`
  const move = async (path: string, from: string, to: string) => {
    await sql.query('UPDATE webhooks SET url = $2 WHERE url = $1', [from + path, to + path])
    await sql.query(
      `UPDATE rewards SET delivery_config = jsonb_build_object('webhook_url', $2::text) WHERE delivery_config->>'webhook_url' = $1`,
      [from + path, to + path],
    )
  }
  const wrong = (index: number) => `http://${hosts[index]?.[0]}:${forbidden.port}`
  for (const [index, { path }] of tenants.entries()) await move(path, right, wrong(index))
  let calls = 0
  webhooks.onCall(() => calls++)
  // A network that is nobody's here: of ours nothing is allowed.
  const strict = fixture.daemon({ WEBHOOK_ALLOW_CIDR: '198.51.100.0/24' })
  await strict.ready()

  await fixture.fault('endpoints are where nobody may go', ['webhook'], async () => {
    await fixture.play(tenants.flatMap((tenant) => tenant.earn(1)))
    const said = async () => {
      const rows = await sql.query<{ campaign_id: string; says: string | null }>(
        `SELECT campaign_id, CASE WHEN state = 'dead' OR attempt > 0 THEN reason END AS says FROM worker.intents WHERE channel = 'webhook'`,
      )
      const reasons = new Map(rows.map(({ campaign_id, says }) => [campaign_id, says]))
      return hosts.map(([host], index) => [host, reasons.get(tenants[index]?.campaign.id ?? '') ?? null])
    }
    await eventually(
      'each delivery says why',
      async () => (await said()).every(([, reason]) => reason !== null) || JSON.stringify(await said()),
    )
    expect(await said()).toEqual(hosts.map(([host, becomes]) => [host, becomes]))
    expect({ dialled: forbidden.connections(), calls }).toEqual({ dialled: 0, calls: 0 })
    strict.kill('SIGTERM')
    expect(await strict.exited).toBe(0)
    for (const [index, { path }] of tenants.entries()) await move(path, wrong(index), right)
  })
  await fixture.daemon().ready()
  const { code, err } = await workerctlFor(fixture.base, 'intents', 'retry', '--reason', 'address-refused', '--yes')
  expect({ code, err }).toMatchObject({ code: 0 })
  await drainedWithRetriesDue(fixture)
  const ended = await sql.query(`SELECT DISTINCT state FROM worker.intents WHERE channel = 'webhook'`)
  expect(ended).toEqual([{ state: 'delivered' }])
  await fixture.assertHistory()
})

/** Listens on every loopback address of one port, and counts who comes. */
async function startForbidden(): Promise<AsyncDisposable & { readonly port: number; connections(): number }> {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  server.listen(0)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The server has no port.')
  return {
    port: address.port,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
}
