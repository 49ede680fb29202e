import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { Platform } from '../../support/platform.ts'
import { rewardTenant } from '../../support/reward-tenant.ts'
import { setScene } from '../../support/scene.ts'

/**
 * Fault: an endpoint answers 500 until its breaker opens.
 * Promise: the deliveries to other endpoints do not notice.
 */
test('while the breaker of a dead endpoint is open, a reward for another endpoint is delivered at its first try', async () => {
  await using scene = await setScene({
    partitions: 1,
    webhooks: { respond: ({ path }) => (path === '/dead' ? { status: 500 } : undefined) },
  })
  const platform = new Platform(scene.sql)
  const dead = await rewardTenant(scene, platform, 3, scene.webhooks.endpoint('/dead'))
  const live = await rewardTenant(scene, platform, 1, scene.webhooks.endpoint('/live'))
  const daemon = scene.daemon({ KAFKA_GROUPS: 'reward-workers' })
  await daemon.ready()
  await scene.publisher.publishMany(dead.events)
  await eventually('the breaker of the dead endpoint is open', () => daemon.lines.some(({ msg }) => msg === 'breaker open') || 'closed')

  await scene.publisher.publishMany(live.events)
  const rowOf = async () => {
    const [row] = await scene.sql.query<{ state: string; reason: string | null }>(
      'SELECT state, reason FROM worker.intents WHERE campaign_id = $1',
      [live.campaignId],
    )
    return row
  }
  await eventually('the other endpoint was tried or put off', async () => {
    const row = await rowOf()
    return row?.state === 'delivered' || row?.reason === 'endpoint-open' || JSON.stringify(row)
  })
  expect(await rowOf()).toEqual({ state: 'delivered', reason: null })
  expect(scene.webhooks.calls.filter(({ path }) => path === '/live')).toHaveLength(1)
})
