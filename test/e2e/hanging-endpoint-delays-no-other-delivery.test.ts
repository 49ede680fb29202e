import { createServer } from 'node:http'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { rewardTenant } from '../support/reward-tenant.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

const dead = 1_000
const tenants = 4
const perTenant = 50
const pool = 10

test('1,000 rewards due to an endpoint that hangs delay no other deliveries, and are all delivered when it recovers', async () => {
  await using fixture = await createFixture()
  await using hanging = await startHangingEndpoint()
  const platform = new Platform(fixture.sql)
  const daemon = fixture.daemon({ KAFKA_GROUPS: 'reward-workers', KAFKA_WORKER_POOL_SIZE: String(pool) })
  await daemon.ready()
  const started = () => daemon.lines.filter((line) => line.msg === 'started').map((line) => String(line['intentId']))

  const without = await deliver(fixture, await liveEvents(fixture, platform))
  const tenant = await rewardTenant(fixture, platform, dead, hanging)
  const live = await liveEvents(fixture, platform)
  const before = started().length
  await fixture.publisher.publishMany(tenant.events)
  const during = await deliver(fixture, live)

  // Claim order, by the log: the live ones of each campaign as they were accepted (campaigns lie in different partitions, which
  // are accepted side by side), and of the dead tenant's no more than its two places and the breaker let through.
  const rows = await fixture.sql.query<{ id: string; campaign_id: string }>(
    `SELECT id, campaign_id FROM worker.intents WHERE kind = 'reward'`,
  )
  const campaignOf = new Map(rows.map((row) => [row.id, row.campaign_id]))
  const order = started().slice(before)
  const liveOrder = order.filter((id) => campaignOf.get(id) !== tenant.campaignId)
  expect(liveOrder).toHaveLength(live.length)
  expect(live).toHaveLength(tenants * perTenant)
  for (const ids of Map.groupBy(liveOrder.map(Number), (id) => campaignOf.get(String(id))).values()) {
    const displaced = ids.toSorted((a, b) => a - b).map((id, index) => Math.abs(ids.indexOf(id) - index))
    expect(displaced.toSorted((a, b) => a - b)[perTenant / 2]).toBeLessThanOrEqual(pool)
  }
  expect(order.length - liveOrder.length).toBeLessThanOrEqual(10)
  expect(hanging.answered()).toEqual([])

  // All of it was read, and the dead tenant's rows wait out of the way. Until they do they are due like any other, so the group
  // may have stopped fetching for a moment; from then on they no longer count.
  await eventually('all is accepted', async () => {
    const [row] = await fixture.sql.query<{ sum: string }>('SELECT sum(next_offset) FROM worker.progress')
    return row?.sum === String(dead + 2 * live.length) || String(row?.sum)
  })
  await eventually('the dead tenant is deferred', async () => {
    const [row] = await fixture.sql.query<{ count: string }>(
      `SELECT count(*) FROM worker.intents WHERE state = 'pending' AND reason IN ('endpoint-busy', 'endpoint-open') AND destination = $1`,
      [tenant.endpointId],
    )
    return Number(row?.count) >= dead - 10 || String(row?.count)
  })
  await eventually('its breaker is open', async () => {
    const lines = (await daemon.metrics()).split('\n').filter((one) => one.startsWith('kafka_worker_breakers_open'))
    return lines.includes('kafka_worker_breakers_open{channel="webhook"} 1') || String(lines)
  })
  const pauses = () => daemon.lines.filter((line) => line.msg === 'paused')
  const deferredAfter = pauses().length
  const beside = await deliver(fixture, await liveEvents(fixture, platform))
  console.log(
    `event to endpoint, ms (median, 95 %): ${without.join(', ')} without the dead tenant, ${during.join(', ')} right behind ` +
      `its ${dead}, ${beside.join(', ')} while they wait`,
  )
  expect(pauses().slice(deferredAfter)).toEqual([])

  hanging.heal()
  await eventually('the endpoint got everything', async () => {
    // As if the retries' own schedule, minutes for those that were tried twice, had passed.
    await fixture.sql.query(`UPDATE worker.intents SET due_at = now() WHERE state = 'pending' AND reason = 'timeout'`)
    return hanging.answered().length >= dead || `${hanging.answered().length}`
  })
  await eventually('and that is recorded', async () => {
    const [row] = await fixture.sql.query<{ count: string }>(
      `SELECT count(*) FROM worker.intents WHERE kind = 'reward' AND state <> 'delivered'`,
    )
    return row?.count === '0' || String(row?.count)
  })
  expect(new Set(hanging.answered()).size).toBe(dead)
  expect(hanging.answered()).toHaveLength(dead)
  expect(hanging.most()).toBe(2)
})

/** Of each tenant as many, taking turns. */
async function liveEvents(fixture: Fixture, platform: Platform): Promise<readonly TypedInput[]> {
  const all: TypedInput[][] = []
  for (let one = 0; one < tenants; one++) {
    const endpoint = fixture.webhooks.endpoint(`/live-${crypto.randomUUID()}`)
    all.push([...(await rewardTenant(fixture, platform, perTenant, endpoint)).events])
  }
  return Array.from({ length: perTenant }, (_, at) => all.flatMap((events) => events.slice(at, at + 1))).flat()
}

/** Publishes a few at a time and waits for all of them at their endpoints; median and 95th percentile of the time that took, in ms. */
async function deliver(fixture: Fixture, events: readonly TypedInput[]): Promise<readonly [number, number]> {
  const from = fixture.webhooks.calls.length
  const publishedAt: number[] = []
  for (let at = 0; at < events.length; at += 10) {
    await fixture.publisher.publishMany(events.slice(at, at + 10))
    publishedAt.push(...events.slice(at, at + 10).map(() => Date.now()))
  }
  await eventually('the live ones are delivered', () => {
    const delivered = fixture.webhooks.calls.length - from
    return delivered === events.length || `${delivered} of ${events.length}`
  })
  const took = fixture.webhooks.calls.slice(from).map(({ at }, index) => Math.max(0, at - (publishedAt[index] ?? at)))
  const sorted = took.toSorted((a, b) => a - b)
  return [sorted[Math.floor(sorted.length * 0.5)] ?? NaN, sorted[Math.floor(sorted.length * 0.95)] ?? NaN]
}

/** Takes connections and answers nothing until it is healed; counts the requests that it has open at once. */
async function startHangingEndpoint() {
  let healed = false
  let open = 0
  let most = 0
  const answered: string[] = []
  const server = createServer((request, response) => {
    open += 1
    most = Math.max(most, open)
    response.on('close', () => (open -= 1))
    request.resume().on('end', () => {
      if (!healed) return
      answered.push(String(request.headers['webhook-id']))
      response.writeHead(204).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}/dead`,
    secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    heal: () => (healed = true),
    answered: () => answered,
    most: () => most,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
