import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startWebhookSink, type WebhookAnswer } from '../../../stack/webhook-sink.ts'
import { eventually } from '../../support/eventually.ts'
import {
  cutBody,
  cutHead,
  drippingBody,
  drippingHeaders,
  endlessBody,
  redirect,
  retryAfterKinds,
  silence,
  tooBusy,
} from '../../support/faults/webhook-answers.ts'

test.each([
  { name: 'a body that drips', answer: drippingBody(5), has: /200 OK.*\r\n\r\n.*\..*\..*\./s },
  { name: 'headers that drip', answer: drippingHeaders(5), has: /^HTTP\/1\.1 200 OK\r\nx-1: y\r\nx-2: y\r\nx-3: y/ },
])('$name never ends', async ({ answer, has }) => {
  const client = await post(answer)
  await eventually('it goes on', () => has.test(client.text()) || client.text().slice(0, 300))
  expect(client.isOver()).toBe(false)
})

test('an endless body arrives as fast as it is read', async () => {
  const client = await post(endlessBody(500))
  await eventually('a good deal has come', () => client.text().length > 2_000_000 || `${client.text().length}`)
  expect(client.text()).toMatch(/^HTTP\/1\.1 500 /)
  expect(client.isOver()).toBe(false)
})

test.each([
  { name: 'in the middle of the body', answer: cutBody(), has: /200 OK(?:.|\s)*\r\n\r\nhalf of it$/ },
  { name: 'in the middle of the head', answer: cutHead(), has: /^HTTP\/1\.1 2$/ },
])('a reply is cut $name', async ({ answer, has }) => {
  const client = await post(answer)
  await eventually('it is over', () => client.isOver() || 'still open')
  expect(client.text()).toMatch(has)
})

test('silence keeps the connection open and sends nothing', async () => {
  const client = await post(silence())
  await eventually('the call is there', () => client.calls() === 1 || 'not yet')
  expect(client.text()).toBe('')
  expect(client.isOver()).toBe(false)
})

test('a redirect has its location, and a busy endpoint any form of Retry-After', async () => {
  const sink = await startWebhookSink()
  onTestFinished(() => sink.stop())
  sink.respondWith(() => redirect('http://127.0.0.1:1/elsewhere', 308))
  const moved = await fetch(sink.url, { method: 'POST', redirect: 'manual' })
  expect([moved.status, moved.headers.get('location')]).toEqual([308, 'http://127.0.0.1:1/elsewhere'])
  for (const [kind, value] of Object.entries(retryAfterKinds())) {
    sink.respondWith(() => tooBusy(value, 503))
    const busy = await fetch(sink.url, { method: 'POST' })
    expect([kind, busy.status, busy.headers.get('retry-after')]).toEqual([kind, 503, value])
  }
})

/** A client that sends one request and reads whatever comes, without an opinion of what HTTP is. */
async function post(answer: WebhookAnswer) {
  const sink = await startWebhookSink({ respond: () => answer })
  onTestFinished(() => sink.stop())
  const socket = connect(sink.port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  let over = false
  socket.on('data', (bytes) => (text += String(bytes)))
  // A reset is an end like another here.
  socket.on('error', () => undefined)
  socket.on('close', () => (over = true))
  await once(socket, 'connect')
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n')
  return { text: () => text, isOver: () => over, calls: () => sink.calls.length }
}
