import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWebhookSink, type WebhookSink } from '../../../stack/webhook-sink.ts'
import type { Sender } from '../../../src/delivery/define-channel.ts'
import type { Intent } from '../../../src/model/intent.ts'
import { createWebhookChannel, webhookIdOf } from '../../../src/delivery/webhook/webhook-channel.ts'
import type { WebhookClient } from '../../../src/delivery/webhook/webhook-client.ts'
import type { WebhookMessage } from '../../../src/delivery/webhook/webhook-message.ts'
import { createAddressGuard } from '../../../src/infra/http/address-guard.ts'
import { createWebhookClient } from '../../../src/infra/http/undici-webhook-client.ts'
import { rewardIntent } from '../consumers/earned-reward.ts'
import { freezeOne } from '../../support/freeze-one.ts'

let sink: WebhookSink
let client: WebhookClient
let channel: Sender<WebhookMessage>
let skewMs = 0
beforeEach(async () => {
  skewMs = 0
  sink = await startWebhookSink({ keepBodies: true })
  client = createWebhookClient({ guard: createAddressGuard({ allowCidr: ['127.0.0.0/8'] }) })
  channel = createWebhookChannel({ client, deadlineMs: 5_000, clock: { now: () => Date.now() + skewMs } })
})
afterEach(async () => {
  await client.stop()
  await sink.stop()
})

const never = new AbortController().signal
const intent: Intent = rewardIntent('00000000-0000-4000-8000-0000000000b1')

function messageTo(endpoint: { url: string; secret: string }): WebhookMessage {
  return {
    endpointId: '00000000-0000-4000-8000-0000000000f1',
    url: endpoint.url,
    secret: endpoint.secret,
    eventType: 'reward.delivered',
    payload: { type: 'reward.delivered', data: { name: 'Zoë – 10 %' } },
    retryEnabled: true,
    maxRetries: 5,
  }
}

async function attempt(message: WebhookMessage, frozen = freezeOne(channel, intent, message)) {
  const slot = await channel.acquire(message, never)
  return channel.perform(intent, await frozen, message, slot, never).finally(() => slot.release())
}

describe('the webhook channel', () => {
  it('sends the frozen bytes, signed, and treats 2xx as delivered', async () => {
    const message = messageTo(sink.endpoint('/rewards'))
    expect(await attempt(message)).toMatchObject({ is: 'done', state: 'delivered', reply: { status: 204 } })
    expect(sink.calls).toMatchObject([{ path: '/rewards', signatureOk: true, id: webhookIdOf(intent.key) }])
    expect(sink.calls[0]?.headers).toMatchObject({ 'content-type': 'application/json' })
    expect(JSON.parse(sink.calls[0]?.body?.toString() ?? '')).toEqual(message.payload)
  })

  it('repeats bytes and id exactly, and signs each attempt with its time and the current secret', async () => {
    const path = '/rewards'
    const message = messageTo(sink.endpoint(path))
    const frozen = freezeOne(channel, intent, message)
    await attempt(message, frozen)
    const secret = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
    sink.setSecrets(path, [secret])
    skewMs = 60_000
    await attempt({ ...message, secret, payload: { other: true } }, frozen)
    const [first, second] = sink.calls
    expect(second).toMatchObject({ signatureOk: true, id: first?.id, bodySha256: first?.bodySha256 })
    expect(Number(second?.timestamp) - Number(first?.timestamp)).toBeGreaterThanOrEqual(60)
  })

  it('gives an effect the same id everywhere, and different effects different ids', async () => {
    const message = messageTo(sink.endpoint('/rewards'))
    const again = await freezeOne(channel, { ...intent, id: '77', eventId: null }, message)
    expect(again.envelope).toEqual((await freezeOne(channel, intent, message)).envelope)
    expect(webhookIdOf('reward:a')).not.toBe(webhookIdOf('reward:b'))
    expect(webhookIdOf('reward:a')).toMatch(/^msg_[0-9a-f]{32}$/)
  })

  it('treats 410 as final and 503 as a request to wait', async () => {
    const message = messageTo(sink.endpoint('/rewards'))
    sink.respondWith(() => ({ status: 410 }))
    expect(await attempt(message)).toMatchObject({ is: 'dead', reason: 'gone', reply: { status: 410 } })
    sink.respondWith(() => ({ status: 503, headers: { 'retry-after': '120' }, body: 'secret of the tenant' }))
    const performed = await attempt(message)
    expect(performed).toMatchObject({ is: 'retry', reason: 'unavailable', slowDown: { forMs: 120_000 }, countsAsAttempt: true })
    expect(JSON.stringify(performed)).not.toContain('tenant')
  })

  it('sends nothing with an unusable secret, or to another endpoint than at the first attempt', async () => {
    const message = messageTo(sink.endpoint('/rewards'))
    expect(await attempt({ ...message, secret: 'whsec_?' })).toMatchObject({ is: 'dead', reason: 'invalid-secret' })
    const frozen = freezeOne(channel, intent, message)
    expect(await attempt({ ...message, endpointId: '00000000-0000-4000-8000-0000000000f2' }, frozen)).toMatchObject({
      is: 'dead',
      reason: 'no-endpoint',
    })
    expect(sink.calls).toEqual([])
  })

  it('waits for a slow endpoint until its own deadline, which is before that of the executor', async () => {
    const quick = createWebhookChannel({ client, deadlineMs: 200, clock: { now: () => Date.now() } })
    expect(quick.deadlineMs).toBeGreaterThan(200)
    sink.respondWith(() => ({ delayMs: 60_000 }))
    const message = messageTo(sink.endpoint('/slow'))
    const performed = await quick.perform(intent, await freezeOne(quick, intent, message), message, { release: () => {} }, never)
    expect(performed).toMatchObject({ is: 'retry', reason: 'timeout', countsAsAttempt: true })
  })
})
