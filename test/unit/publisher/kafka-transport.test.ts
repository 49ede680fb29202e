import { describe, expect, it, vi } from 'vitest'
import { sendByTopic } from '../../../src/events/event-transport.ts'
import { KafkaTransport, type DroppedEvent, type TransportOptions } from '../../../src/publisher/kafka-transport.ts'
import { PublisherError } from '../../../src/publisher/publisher-error.ts'
import { refusalOf } from '../../../src/publisher/refusal.ts'
import { systemClock } from '../../../src/std/clock.ts'

const brokers = ['kafka.example.com:9092']
const soon = { timeout: 30_000 }
const message = (id: string, size = 10) => ({
  key: 'k',
  value: Buffer.alloc(size),
  headers: { 'event-type': 'user.signed_up', 'event-id': id },
})

const on = (topic: string, id: string) => ({ ...message(id), topic })

/** Kafka that answers once `answer` is resolved or rejected. */
function createTransport(options: Partial<TransportOptions> & { send?: () => Promise<void>; connect?: () => Promise<void> }) {
  const drops: DroppedEvent[] = []
  const sent: number[] = []
  const { send = () => Promise.resolve(), connect = () => Promise.resolve(), ...others } = options
  const transport = new KafkaTransport({
    brokers,
    mode: 'guaranteed',
    timeoutMs: 100,
    closeTimeoutMs: 100,
    maxBufferedEvents: 1_000,
    maxBufferedBytes: 1_000_000,
    onDrop: (event) => drops.push(event),
    clock: { ...systemClock, sleep: (_, signal) => systemClock.sleep(5, signal) },
    networkFault: () => null,
    refusalOf: (error, topic) => refusalOf(error, { brokers, topic }),
    createAppender: () => ({
      connect,
      disconnect: () => Promise.resolve(),
      outcomeOf: () => 'unknown',
      send: async (_, messages) => {
        await send()
        sent.push(messages.length)
      },
    }),
    ...others,
  })
  return { transport, drops, sent }
}

const never = () => new Promise<void>(() => undefined)
const away = () => Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { name: 'KafkaJSConnectionError' }))
const refused = () => Promise.reject(Object.assign(new Error('x'), { name: 'KafkaJSProtocolError', type: 'TOPIC_AUTHORIZATION_FAILED' }))

function failing(): never {
  throw new Error('of the application')
}

async function errorOf(promise: Promise<unknown>): Promise<PublisherError> {
  const error = await promise.catch((thrown: unknown) => thrown)
  if (!(error instanceof PublisherError)) throw new Error(`not a PublisherError: ${String(error)}`)
  return error
}

describe('a guaranteed publisher', () => {
  it.each([
    ['nothing is answered', never, 'no answer'],
    ['no broker can be reached', away, 'connect ECONNREFUSED'],
  ])('rejects when its time is over and says how long it waited: %s', async (_, send, cause) => {
    const { transport } = createTransport({ send })
    const startedAt = performance.now()
    const error = await errorOf(transport.send('domain-events', [message('1')]))
    const took = performance.now() - startedAt
    expect(error.reason).toBe('unavailable')
    // The time that it says is the one that has passed: 0.1 s, and what a busy machine makes of it.
    expect(error.message.replace(/\d+\.\d s/, 'N s')).toBe(
      `Kafka at kafka.example.com:9092 has not acknowledged user.signed_up within N s (${cause}): it may have been written; publish it again, which is safe`,
    )
    expect(error.waitedMs).toBeGreaterThanOrEqual(99)
    expect(error.waitedMs).toBeLessThanOrEqual(took)
    await transport.close()
  })

  it('rejects at once with the way out when the brokers refuse', async () => {
    const { transport, drops } = createTransport({ send: refused, timeoutMs: 60_000 })
    const error = await errorOf(transport.send('domain-events', [message('1'), message('2')]))
    expect(error).toMatchObject({
      reason: 'refused',
      message: expect.stringContaining('the right Write on topic "domain-events": grant it'),
    })
    expect(drops).toEqual([])
  })

  it('rejects what is not acknowledged at the end of a close, and everything after it', async () => {
    const { transport } = createTransport({ send: never, timeoutMs: 60_000 })
    const [first] = await Promise.all([errorOf(transport.send('domain-events', [message('1')])), transport.close()])
    expect(first.reason).toBe('closed')
    expect(await errorOf(transport.send('domain-events', [message('2')]))).toMatchObject({
      reason: 'closed',
      message: 'the publisher is closed',
    })
  })
})

describe('a list of several topics', () => {
  it('stands in each of them before what is published later, and is what a close waits for', async () => {
    const order: string[] = []
    const createAppender = () => ({
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      outcomeOf: () => undefined,
      send: async (topic: string, messages: readonly { readonly headers: Readonly<Record<string, string>> }[]) => {
        for (const { headers } of messages) order.push(`${topic} ${headers['event-id']}`)
      },
    })
    const { transport } = createTransport({ createAppender, timeoutMs: 60_000, closeTimeoutMs: 60_000 })
    const published = Promise.all([
      sendByTopic(transport, [on('domain-events', '1'), on('audit-events', 'A'), on('domain-events', '2')]),
      sendByTopic(transport, [on('audit-events', 'B')]),
    ])
    await Promise.all([published, transport.close()])
    expect(order.filter((entry) => entry.startsWith('audit'))).toEqual(['audit-events A', 'audit-events B'])
    expect(order.filter((entry) => entry.startsWith('domain'))).toEqual(['domain-events 1', 'domain-events 2'])
  })

  it('rejects with the first error, and leaves none of the others unhandled', async () => {
    const { transport } = createTransport({ send: refused, timeoutMs: 60_000 })
    const error = await errorOf(sendByTopic(transport, [on('domain-events', '1'), on('audit-events', '2'), on('logins', '3')]))
    expect(error.reason).toBe('refused')
    await transport.close()
  })
})

describe('a connect', () => {
  it.each([
    [
      'no broker can be reached',
      away,
      /^no Kafka broker answers at kafka\.example\.com:9092, waited \d+\.\d s \(connect ECONNREFUSED\): start Kafka/,
    ],
    ['nothing is answered', never, /waited \d+\.\d s \(no answer\)/],
  ])('rejects when its time is over: %s', async (_, connect, sentence) => {
    const { transport } = createTransport({ connect })
    const error = await errorOf(transport.connect('domain-events'))
    expect(error.reason).toBe('unavailable')
    expect(error.message).toMatch(sentence)
    expect(error.waitedMs).toBeGreaterThanOrEqual(99)
  })

  it('tries again until a broker answers', async () => {
    let tries = 0
    const connect = () => (++tries < 3 ? away() : Promise.resolve())
    const { transport } = createTransport({ connect, timeoutMs: 60_000 })
    await transport.connect('domain-events')
    expect(tries).toBe(3)
  })
})

describe('a fire-and-forget publisher', () => {
  it('waits for nothing and sends what one turn publishes in one request', async () => {
    const { transport, sent, drops } = createTransport({ mode: 'fire-and-forget' })
    for (let index = 0; index < 400; index++) await transport.send('domain-events', [message(String(index))])
    await transport.close()
    expect(sent).toEqual([400])
    expect(drops).toEqual([])
  })

  it.each([
    ['events', { maxBufferedEvents: 10 }, 10, 10],
    ['bytes', { maxBufferedBytes: 10_000 }, 1_000, 7],
  ])('drops, counts and reports what exceeds its %s, and takes more once Kafka has some', async (_, limits, size, room) => {
    const answer = Promise.withResolvers<void>()
    const { transport, drops } = createTransport({ mode: 'fire-and-forget', send: () => answer.promise, ...limits })
    for (let index = 0; index < 25; index++) await transport.send('domain-events', [message(String(index), size)])
    expect(transport.dropped).toBe(25 - room)
    expect(drops.map(({ eventId }) => Number(eventId))).toEqual(Array.from({ length: 25 - room }, (_, index) => room + index))
    expect(drops[0]).toMatchObject({ type: 'user.signed_up', reason: 'full', detail: expect.stringContaining(`${room} events of`) })
    answer.resolve()
    await vi.waitFor(async () => {
      const before = transport.dropped
      await transport.send('domain-events', [message('late', size)])
      expect(transport.dropped).toBe(before)
    }, soon)
    await transport.close()
  })

  it('drops what the brokers refuse, and what is left at the end of a close', async () => {
    const first = createTransport({ mode: 'fire-and-forget', send: refused })
    await first.transport.send('domain-events', [message('1')])
    await vi.waitFor(() => expect(first.drops).toMatchObject([{ eventId: '1', reason: 'refused' }]), soon)
    await first.transport.close()

    const second = createTransport({ mode: 'fire-and-forget', send: away })
    await second.transport.send('domain-events', [message('2')])
    await second.transport.close()
    await second.transport.send('domain-events', [message('3')])
    expect(second.drops.map(({ eventId, reason }) => `${eventId} ${reason}`)).toEqual(['2 closed', '3 closed'])
    expect(second.transport.dropped).toBe(2)
  })

  it('goes on when the callback throws', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const { transport } = createTransport({ mode: 'fire-and-forget', send: refused, onDrop: failing })
    await transport.send('domain-events', [message('1'), message('2')])
    await vi.waitFor(() => expect(transport.dropped).toBe(2), soon)
    expect(warning).toHaveBeenCalledTimes(2)
    warning.mockRestore()
    await transport.close()
  })
})
