import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { rewardTenant } from '../support/reward-tenant.ts'
import { createFixture } from '../support/fixture.ts'

const pool = 10
const slow = 4
const perSlow = 60
const others = 50
/** What the worker calls slow, and a little more. Milliseconds. */
const SLOW_MS = 1_200

test('four slow endpoints delay no other tenant: 50 rewards are delivered before one of the four replies', async () => {
  await using fixture = await createFixture()
  await using endpoints = await startSlowEndpoints()
  const platform = new Platform(fixture.sql)
  // Longer than the test may take: an answer that is only slow is no failure of the endpoint.
  const settings = { KAFKA_GROUPS: 'reward-workers', KAFKA_WORKER_POOL_SIZE: String(pool), WEBHOOK_DEADLINE_MS: '120000' }
  const daemon = fixture.daemon(settings)
  await daemon.ready()
  const fast = async () => {
    const path = `/fast-${crypto.randomUUID()}`
    const { events } = await rewardTenant(fixture, platform, others, fixture.webhooks.endpoint(path))
    return { events, arrived: () => fixture.webhooks.calls.filter((call) => call.path === path).length }
  }

  for (let one = 0; one < slow; one++) {
    const endpoint = { url: endpoints.url(one), secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}` }
    const { events } = await rewardTenant(fixture, platform, perSlow, endpoint)
    await fixture.publisher.publishMany(events)
  }
  await eventually('each slow endpoint has a request', () => endpoints.open().filter((count) => count > 0).length === slow || 'not yet')
  const first = await fast()
  await fixture.publisher.publishMany(first.events)
  await eventually('the rewards of another tenant are delivered', () => first.arrived() === others || `${first.arrived()}`)
  expect(endpoints.answered()).toBe(0)

  // Now that they are known to be slow, each may have two, but together no more than half of the workers.
  await endpoints.answerAll()
  await eventually('they have their next requests', () => endpoints.open().reduce((sum, count) => sum + count, 0) >= slow || 'not yet')
  const answered = endpoints.answered()
  const second = await fast()
  await fixture.publisher.publishMany(second.events)
  await eventually('those of a third tenant, too', () => second.arrived() === others || `${second.arrived()}`)
  expect(endpoints.answered()).toBe(answered)
  expect(endpoints.most()).toBeLessThanOrEqual(2)

  endpoints.hurry()
  await eventually('and in the end everybody has everything, once', async () => {
    const rows = await fixture.sql.query<{ state: string; count: number }>(
      `SELECT state, count(*)::int FROM worker.intents WHERE kind = 'reward' GROUP BY state`,
    )
    return JSON.stringify(rows) === JSON.stringify([{ state: 'delivered', count: slow * perSlow + 2 * others }]) || JSON.stringify(rows)
  })
  expect(endpoints.answered()).toBe(slow * perSlow)
})

/** Healthy endpoints that answer 204, when the test says. */
async function startSlowEndpoints() {
  const waiting: { readonly path: string; readonly since: number; readonly response: ServerResponse }[] = []
  let answered = 0
  let most = 0
  let isHurried = false
  const answer = (response: ServerResponse) => {
    answered += 1
    response.writeHead(204).end()
  }
  const openAt = (path: string) => waiting.filter((one) => one.path === path).length
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (isHurried) return answer(response)
      const path = request.url ?? ''
      waiting.push({ path, since: performance.now(), response })
      most = Math.max(most, openAt(path))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: (one: number) => `http://127.0.0.1:${address.port}/slow-${one}`,
    open: () => Array.from({ length: slow }, (_, one) => openAt(`/slow-${one}`)),
    answered: () => answered,
    most: () => most,
    async answerAll() {
      await eventually('they have taken their time', () => waiting.every(({ since }) => performance.now() - since > SLOW_MS) || 'not yet')
      for (const { response } of waiting.splice(0)) answer(response)
    },
    hurry() {
      isHurried = true
      for (const { response } of waiting.splice(0)) answer(response)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
