import { expect, test } from 'vitest'
import { createFixture } from '../support/fixture.ts'
import { namedByStatus } from '../support/operator-status.ts'
import { Platform } from '../support/platform.ts'
import { rewardTenant } from '../support/reward-tenant.ts'

test('workerctl status names a relay that refuses the login, an endpoint that is down and a flood of poison records, each with its command', async () => {
  await using fixture = await createFixture({ partitions: 1, smtp: { auth: true } })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  fixture.smtp.respondWith((stage) => (stage === 'auth' ? { code: 535, text: 'no' } : undefined))
  fixture.webhooks.respondWith(() => ({ status: 503, headers: { 'retry-after': '600' } }))
  const daemon = fixture.daemon()
  await daemon.ready()

  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  const relay = await namedByStatus(fixture, 'destination-away')
  expect(relay).toMatchObject({ at: 0, code: 2, command: 'npm start -- --check-config' })
  expect(relay.sentence).toContain('accepts no mails (relay-credentials-refused, since 20')
  expect(relay.sentence).toContain('correct user and password in SMTP_URL')

  const tenant = await rewardTenant(fixture, platform, 6, fixture.webhooks.endpoint('/a-token-in-the-path'))
  await fixture.publisher.publishMany(tenant.events)
  const endpoint = await namedByStatus(fixture, 'endpoint-away')
  expect(endpoint.command).toBe(`npm run workerctl -- intents list --destination ${tenant.endpointId}`)
  expect(endpoint.sentence).toContain(`Endpoint ${tenant.endpointId} accepts no rewards (`)
  expect(endpoint.sentence).not.toContain('a-token')

  const value = Buffer.from('{"id":')
  await fixture.sendRaw(Array.from({ length: 60 }, () => ({ key: campaign.campaignId, value, headers: {} })))
  const poison = await namedByStatus(fixture, 'dead-letter-flood')
  expect(poison.sentence).toMatch(/^60 dead letters of \S+ in the last hour: not-json, type unknown/)
  expect(poison.command).toMatch(/^npm run workerctl -- dlq list --group \S+ --reason not-json$/)
})
