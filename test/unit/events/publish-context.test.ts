import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { EventTransport } from '../../../src/events/event-transport.ts'
import type { PublishContext } from '../../../src/events/publish-context.ts'
import { createPublisher } from '../../../src/events/publisher.ts'

const id = (digit: number) => `0000000${digit}-0000-4000-8000-00000000000a`
const signedUp = { accountId: id(1), campaignId: id(2), userId: id(3), email: 'guest@example.com' }
const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`

function createRecorder(context: () => PublishContext | undefined) {
  const sent: Record<string, string>[] = []
  const transport: EventTransport = {
    send: async (_, messages) => {
      sent.push(...messages.map(({ headers }) => headers))
    },
  }
  const publisher = createPublisher({ transport, topic: 'domain-events', context })
  return { sent, publisher }
}

it('gives each event the ids of the request in which it is published', async () => {
  const request = new AsyncLocalStorage<PublishContext>()
  const { sent, publisher } = createRecorder(() => request.getStore())
  const handle = async (ms: number) => {
    await pause(ms)
    await publisher.publishUserSignedUp(signedUp)
    await publisher.publishMany([{ type: 'user.verified', ...signedUp }])
  }
  const requests = ['request-1', 'request-2'].map((correlationId, index) =>
    request.run({ correlationId, traceparent }, () => handle(10 - index * 10)),
  )
  await Promise.all(requests)
  await publisher.publishUserSignedUp(signedUp)
  expect(sent.map((headers) => [headers['event-type'], headers['correlation-id'], headers['traceparent']])).toEqual([
    ['user.signed_up', 'request-2', traceparent],
    ['user.verified', 'request-2', traceparent],
    ['user.signed_up', 'request-1', traceparent],
    ['user.verified', 'request-1', traceparent],
    ['user.signed_up', undefined, undefined],
  ])
})

it('lets an event say its own', async () => {
  const { sent, publisher } = createRecorder(() => ({ correlationId: 'of the request', traceparent }))
  await publisher.publishUserSignedUp({ ...signedUp, correlationId: 'of the event' })
  expect(sent[0]).toMatchObject({ 'correlation-id': 'of the event', traceparent })
})

it('leaves out what is not valid, which may come from a header of somebody else', async () => {
  const { sent, publisher } = createRecorder(() => ({ correlationId: 'two\nlines', traceparent: '00-0' }))
  await publisher.publishUserSignedUp(signedUp)
  expect(Object.keys(sent[0] ?? {})).toEqual(['event-type', 'event-version', 'event-id', 'content-type', 'timestamp'])
})
