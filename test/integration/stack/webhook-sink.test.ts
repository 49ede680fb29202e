import { createHash } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'
import type { WebhookSink, WebhookSinkOptions } from '../../../stack/webhook-sink.ts'
import { startWebhookSink } from '../../../stack/webhook-sink.ts'

const body = '{"a":1}'

test('a signed call is recorded as such and answered 204', async () => {
  const sink = await start({ keepBodies: true })
  const endpoint = sink.endpoint('/hook')
  const response = await call(endpoint)
  expect(response.status).toBe(204)
  expect(sink.calls).toMatchObject([
    { path: '/hook', id: 'msg_1', signatureOk: true, status: 204, bodySha256: createHash('sha256').update(body).digest('hex') },
  ])
  expect(sink.calls[0]?.body?.toString()).toBe(body)
})

test('a wrong secret, an old timestamp, changed bytes and an unknown path count as unsigned', async () => {
  const sink = await start({})
  const endpoint = sink.endpoint('/hook')
  await call({ ...endpoint, secret: sink.endpoint('/other').secret })
  await call(endpoint, { at: new Date(Date.now() - 3_600_000) })
  await call(endpoint, { sent: '{"a":2}' })
  await call({ ...endpoint, url: `${sink.url}/unknown` })
  expect(sink.calls.map(({ signatureOk }) => signatureOk)).toEqual([false, false, false, false])
})

test('while a secret is rotated both the old and the new secret are valid', async () => {
  const sink = await start({})
  const [old, next] = [sink.endpoint('/hook'), sink.endpoint('/hook')]
  sink.setSecrets('/hook', [old.secret, next.secret])
  await call(old)
  await call(next)
  sink.setSecrets('/hook', [next.secret])
  await call(old)
  expect(sink.calls.map(({ signatureOk }) => signatureOk)).toEqual([true, true, false])
})

test('the sink replies, redirects, delays and closes the connection as configured', async () => {
  const sink = await start({})
  const endpoint = sink.endpoint('/hook')
  sink.respondWith(() => ({ status: 429, headers: { 'retry-after': '7' }, body: 'slow down', delayMs: 20 }))
  const response = await call(endpoint)
  expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([429, '7', 'slow down'])
  sink.respondWith(() => ({ drop: true }))
  await expect(call(endpoint)).rejects.toThrow(/fetch failed/)
  expect(sink.calls.map(({ status }) => status)).toEqual([429, undefined])
})

test('halt refuses, resume listens on the same port again, and stop does not wait for a pending reply', async () => {
  const sink = await start({})
  const endpoint = sink.endpoint('/hook')
  await sink.halt()
  await expect(call(endpoint)).rejects.toThrow(/fetch failed/)
  await sink.resume()
  expect((await call(endpoint)).status).toBe(204)

  sink.respondWith(() => ({ delayMs: 3_600_000 }))
  const received = new Promise<void>((resolve) => void sink.onCall(() => resolve()))
  const hung = call(endpoint)
  await received
  await Promise.all([sink.stop(), expect(hung).rejects.toThrow(/fetch failed/)])
})

test('with wrong clocks allowed a signature of any time is valid, and one of other bytes is not', async () => {
  const sink = await start({ anyTime: true })
  const endpoint = sink.endpoint('/hook')
  const at = new Date(Date.now() - 3_600_000)
  await call(endpoint, { at })
  await call(endpoint, { at, sent: `${body} ` })
  expect(sink.calls.map(({ signatureOk }) => signatureOk)).toEqual([true, false])
})

async function start(options: WebhookSinkOptions): Promise<WebhookSink> {
  const sink = await startWebhookSink(options)
  onTestFinished(async () => sink.stop())
  return sink
}

async function call(to: { url: string; secret: string }, { at = new Date(), sent = body } = {}): Promise<Response> {
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(to.secret).sign('msg_1', at, body),
  }
  return fetch(to.url, { method: 'POST', headers, body: sent })
}
