import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { rewardTenant } from '../support/reward-tenant.ts'
import { createFixture } from '../support/fixture.ts'

test('webhooks of the same group are delivered while the relay accepts connections and sends nothing', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const mails = await rewardTenant(fixture, platform, 50, 'mail')
  const hooks = await rewardTenant(fixture, platform, 50, fixture.webhooks.endpoint('/live'))
  fixture.smtp.respondWith((stage) => (stage === 'connect' ? new Promise(() => undefined) : undefined))
  // Longer than a test may take.
  const patience = { MAIL_DEADLINE_MS: '3600000', SMTP_CONNECT_DEADLINE_MS: '3600000' }
  const daemon = fixture.daemon({ KAFKA_GROUPS: 'reward-workers', ...patience })
  await daemon.ready()
  await fixture.publisher.publishMany(mails.events)
  await eventually('mails wait for the relay', () => fixture.smtp.counters.connections > 0 || 'no connection')
  await fixture.publisher.publishMany(hooks.events)
  await eventually('all webhooks are delivered', () => fixture.webhooks.calls.length === 50 || `${fixture.webhooks.calls.length}`)
  // The first connections are still being waited for: nothing but the webhooks' own workers has carried them.
  expect(daemon.lines.filter((line) => line.msg === 'breaker open')).toEqual([])
  expect(await fixture.sql.query(`SELECT id FROM worker.intents WHERE channel = 'email' AND attempt > 0`)).toEqual([])
})
