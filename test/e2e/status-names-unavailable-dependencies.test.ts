import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { rewardTenant } from '../support/reward-tenant.ts'
import { createFixture } from '../support/fixture.ts'

test('/status and /readyz name a silent relay, a refusing relay and an endpoint that is down, and the process stays ready', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const platform = new Platform(fixture.sql)
  const tenant = await rewardTenant(fixture, platform, 5, fixture.webhooks.endpoint('/a-token-in-the-path'))
  const campaign = await platform.campaign()
  fixture.smtp.respondWith((stage) => (stage === 'connect' ? new Promise(() => undefined) : undefined))
  fixture.webhooks.respondWith(() => ({ status: 503, headers: { 'retry-after': '600' } }))
  const daemon = fixture.daemon({ KAFKA_GROUPS: 'email-workers,reward-workers' })
  await daemon.ready()
  const status = async () => JSON.parse(await (await fetch(`${daemon.url()}/status`)).text())
  const relay = async (reason: string | null) => {
    await eventually(`the relay is ${reason ?? 'well'}`, async () => {
      const { dependencies } = await status()
      return (dependencies.relay?.reason ?? null) === reason || JSON.stringify(dependencies.relay)
    })
    return await status()
  }
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })

  const host = `127.0.0.1:${fixture.smtp.port}`
  const silent = await relay('timeout-greeting')
  expect(silent.dependencies).toMatchObject({ database: { ok: true }, kafka: { ok: true }, endpoints: [], endpointsAway: 0 })
  expect(silent.dependencies.relay).toEqual({
    reason: 'timeout-greeting',
    message: expect.stringContaining(`The SMTP relay at ${host} accepts connections but does not send a greeting in time;`),
    since: expect.stringMatching(/^\d{4}-.*Z$/),
    seconds: expect.any(Number),
    host,
  })
  const mails = fixture.group('email-workers')
  expect(silent.groups[mails].verdict).toEqual({
    word: 'breaker-open',
    sentence: `The log is read, but mails wait: ${silent.dependencies.relay.message}`,
  })
  const readyz = await fetch(`${daemon.url()}/readyz`)
  expect(readyz.status).toBe(200)
  expect(await readyz.json()).toMatchObject({ ok: true, checks: { relay: { ok: true, reason: expect.stringContaining('timeout-') } } })

  fixture.smtp.respondWith((stage) => (stage === 'connect' ? { code: 554 } : undefined))
  const refusing = await relay('relay-refuses-us')
  expect(refusing.groups[mails].verdict).toMatchObject({ word: 'breaker-open', sentence: expect.stringContaining('(554') })

  await fixture.publisher.publishMany(tenant.events)
  await eventually('the endpoint is named', async () => {
    const { dependencies } = await status()
    return dependencies.endpointsAway === 1 || JSON.stringify(dependencies)
  })
  const { dependencies } = await status()
  expect(dependencies.endpoints).toMatchObject([{ endpoint: tenant.endpointId, host: new URL(fixture.webhooks.endpoint('/').url).origin }])
  expect(dependencies.endpoints[0].message).toContain(`Endpoint ${tenant.endpointId} at http`)
  expect(JSON.stringify(dependencies)).not.toContain('a-token')
  expect(await (await fetch(`${daemon.url()}/readyz`)).json()).toMatchObject({
    ok: true,
    checks: { endpoints: { reason: 'breaker-open' } },
  })

  fixture.smtp.respondWith(undefined)
  const well = await relay(null)
  expect(well.groups[mails].verdict.word).toBe('ok')
})
