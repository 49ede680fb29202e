import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test.each([
  ['max_retries = 0', 1],
  ['max_retries = 3', 4],
  ['retry_enabled = false, max_retries = 3', 1],
])('an endpoint with %s that always fails gets exactly %i requests, and the reward records them', async (setting, times) => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const endpoint = fixture.webhooks.endpoint('/rewards')
  const webhookId = await platform.webhook(campaign, endpoint.url, endpoint.secret)
  await fixture.sql.query(`UPDATE webhooks SET ${setting} WHERE id = $1`, [webhookId])
  const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url })
  const userRewardId = await platform.earned(campaign, rewardId, person.userId)
  fixture.webhooks.respondWith(() => ({ status: 500 }))
  await fixture.daemon().ready()
  await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: person.userId })

  await eventually('it is given up', async () => {
    // The hours between two attempts pass at once.
    await fixture.sql.query(`UPDATE worker.intents SET due_at = now() WHERE kind = 'reward' AND state = 'pending'`)
    const [row] = await fixture.sql.query<{ state: string }>(`SELECT state FROM worker.intents WHERE kind = 'reward'`)
    return row?.state === 'dead' || `${row?.state} after ${fixture.webhooks.calls.length}`
  })
  expect(fixture.webhooks.calls).toHaveLength(times)
  expect(new Set(fixture.webhooks.calls.map(({ id, bodySha256 }) => `${id} ${bodySha256}`)).size).toBe(1)
  const [row] = await fixture.sql.query(
    `SELECT g.status, g.delivery_attempts, g.delivery_error, d.status AS delivery, d.attempt_number, w.status AS endpoint, w.total_failed
       FROM user_rewards g, webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE g.id = $1`,
    [userRewardId],
  )
  expect(row).toEqual({
    status: 'earned',
    delivery_attempts: times,
    delivery_error: 'Not delivered: server-error.',
    delivery: 'failed',
    attempt_number: times,
    endpoint: 'active',
    total_failed: 1,
  })
})
