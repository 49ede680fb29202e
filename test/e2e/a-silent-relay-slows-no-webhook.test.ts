import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { rewardTenant } from '../support/reward-tenant.ts'
import { setScene } from '../support/scene.ts'

test('a relay that takes connections and says nothing: webhooks of the same group are delivered meanwhile', async () => {
  await using scene = await setScene()
  const platform = new Platform(scene.sql)
  const mails = await rewardTenant(scene, platform, 50, 'mail')
  const hooks = await rewardTenant(scene, platform, 50, scene.webhooks.endpoint('/live'))
  scene.smtp.respondWith((stage) => (stage === 'connect' ? new Promise(() => undefined) : undefined))
  const daemon = scene.daemon({ KAFKA_GROUPS: 'reward-workers' })
  await daemon.ready()
  await scene.publisher.publishMany(mails.events)
  await eventually('mails wait for the relay', () => scene.smtp.counters.connections > 0 || 'no connection')
  await scene.publisher.publishMany(hooks.events)
  await eventually('all webhooks are delivered', () => scene.webhooks.calls.length === 50 || `${scene.webhooks.calls.length}`)
  // The first connections are still being waited for: nothing but the webhooks' own workers has carried them.
  expect(daemon.lines.filter((line) => line.msg === 'breaker open')).toEqual([])
  expect(await scene.sql.query(`SELECT id FROM worker.intents WHERE channel = 'email' AND attempt > 0`)).toEqual([])
})
