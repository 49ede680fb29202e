import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { rewardTenant } from '../support/reward-tenant.ts'
import { createFixture } from '../support/fixture.ts'
import { workerctlFor } from '../support/workerctl-for.ts'

const owed = 40

test('rewards deferred for an endpoint that stays away, across a restart, end dead after the time of all retries, and are retried together when it is back', async () => {
  await using fixture = await createFixture()
  const { sql, webhooks } = fixture
  const platform = new Platform(sql)
  let isBack = false
  webhooks.respondWith(({ path }) => (path === '/away' && !isBack ? { status: 503, headers: { 'retry-after': '1' } } : undefined))
  const arrived = (path: string) => webhooks.calls.filter((call) => call.path === path).length
  const environment = { KAFKA_GROUPS: 'reward-workers', KAFKA_WORKER_POOL_SIZE: '4' }
  const tenant = await rewardTenant(fixture, platform, owed, webhooks.endpoint('/away'))
  const other = await rewardTenant(fixture, platform, 5, webhooks.endpoint('/well'))

  const first = fixture.daemon(environment)
  await first.ready()
  await fixture.publisher.publishMany(tenant.events)
  const openSince = async () => {
    const [row] = await sql.query<{ since: string }>('SELECT open_since::text AS since FROM worker.breakers WHERE destination = $1', [
      tenant.endpointId,
    ])
    return row?.since
  }
  await eventually('it is on record that the endpoint is away', async () => (await openSince()) !== undefined || 'no row')
  const since = await openSince()
  first.kill('SIGKILL')
  await first.exited

  const second = fixture.daemon(environment)
  await second.ready()
  await eventually('the new process finds it away too', () => second.lines.some(({ msg }) => msg === 'breaker open') || 'closed')
  expect(await openSince()).toBe(since)

  // As if those days had passed, at each of which somebody tried it.
  await sql.query(`UPDATE worker.breakers SET open_since = open_since - interval '4 days'`)
  await eventually('what was deferred has ended', async () => {
    const counts = await countsOf()
    return (counts['pending endpoint-open'] ?? 0) + (counts['pending endpoint-busy'] ?? 0) === 0 || JSON.stringify(counts)
  })
  const ended = (await countsOf())['dead endpoint-unavailable'] ?? 0
  // The others are those that somebody tried it with, and wait for their own next attempt.
  expect(ended).toBeGreaterThan(0)
  const [rewards] = await sql.query<{ count: number }>(
    `SELECT count(*)::int FROM user_rewards WHERE delivery_error = 'Not delivered: endpoint-unavailable.'`,
  )
  expect(rewards?.count).toBe(ended)
  await fixture.publisher.publishMany(other.events)
  await eventually('others have theirs', () => arrived('/well') === 5 || `${arrived('/well')}`)

  isBack = true
  const { code, out } = await workerctlFor(
    fixture,
    'intents',
    'retry',
    '--reason',
    'endpoint-unavailable',
    '--destination',
    tenant.endpointId ?? '',
    '--yes',
  )
  expect(code).toBe(0)
  expect(out).toContain(`Done: ${ended} `)
  await eventually('everybody has everything', async () => {
    // As if the retries' own schedule, and the breaker's pause, had passed.
    await sql.query(`UPDATE worker.intents SET due_at = now() WHERE state = 'pending' AND reason = 'unavailable'`)
    const counts = await countsOf()
    return counts['delivered '] === owed + 5 || JSON.stringify(counts)
  })
  await eventually('the record of its absence has ended', async () => (await openSince()) === undefined || 'still there')

  async function countsOf(): Promise<Record<string, number>> {
    const rows = await sql.query<{ what: string; count: number }>(
      `SELECT state || ' ' || coalesce(reason, '') AS what, count(*)::int FROM worker.intents WHERE kind = 'reward' GROUP BY 1`,
    )
    return Object.fromEntries(rows.map(({ what, count }) => [what, count]))
  }
})
