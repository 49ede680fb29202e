import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/std/clock.ts'
import { TopicQueue, type Queued } from '../../../src/publisher/topic-queue.ts'
import { refusalOf } from '../../../src/publisher/refusal.ts'

/** An error as kafkajs throws it. */
const brokerError = (type: string, retriable: boolean) => Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable })
const away = () => Object.assign(new Error('connect ECONNREFUSED'), { name: 'KafkaJSConnectionError' })

/** Records the requests of all appenders as `appender: a b c`; `answer` decides about each, `acknowledged` what a rejected one appended. */
function createKafka(
  answer: (values: readonly string[], request: number) => Promise<void> | void = () => undefined,
  acknowledged: readonly string[] = [],
) {
  const requests: string[] = []
  let appenders = 0
  let mostAtOnce = 0
  let atOnce = 0
  const queue = new TopicQueue({
    topic: 'domain-events',
    clock: { sleep: (_, signal) => systemClock.sleep(1, signal) },
    refusalOf: (error) => refusalOf(error, { brokers: ['kafka.example.com:9092'], topic: 'domain-events' }),
    createAppender: () => {
      appenders += 1
      const name = appenders
      return {
        connect: () => Promise.resolve(),
        disconnect: () => Promise.resolve(),
        outcomeOf: ({ value }) => (acknowledged.includes(value.toString()) ? 'acknowledged' : 'unknown'),
        send: async (_, messages) => {
          const values = messages.map(({ value }) => value.toString())
          requests.push(`${name}: ${values.join(' ')}`)
          atOnce += 1
          mostAtOnce = Math.max(mostAtOnce, atOnce)
          try {
            await answer(values, requests.length)
          } finally {
            atOnce -= 1
          }
        },
      }
    },
  })
  return { queue, requests, mostAtOnce: () => mostAtOnce }
}

function createEvent(value: string, bytes = 100) {
  const outcome: string[] = []
  const state = { isOver: false }
  const event: Queued = {
    message: { key: 'k', value: Buffer.from(value), headers: {} },
    bytes,
    waiter: {
      get isOver() {
        return state.isOver
      },
      acknowledged: () => outcome.push('acknowledged'),
      failed: (reason, sentence) => outcome.push(`${reason}: ${sentence}`),
    },
  }
  return { event, outcome, giveUp: () => (state.isOver = true) }
}

describe('the queue of a topic', () => {
  it('sends one request at a time, with all that has come meanwhile, in order', async () => {
    const answer = Promise.withResolvers<void>()
    const { queue, requests, mostAtOnce } = createKafka(() => answer.promise)
    const events = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((value) => createEvent(value))
    for (const { event } of events.slice(0, 3)) queue.add([event])
    await vi.waitFor(() => expect(requests).toHaveLength(1), { timeout: 30_000 })
    for (const { event } of events.slice(3)) queue.add([event])
    answer.resolve()
    await queue.idle()
    expect(requests).toEqual(['1: a b c', '1: d e f g'])
    expect(mostAtOnce()).toBe(1)
    expect(events.flatMap(({ outcome }) => outcome)).toEqual(events.map(() => 'acknowledged'))
  })

  it('limits the events and the bytes of a request, but sends an event of any size', async () => {
    const { queue, requests } = createKafka()
    queue.add(Array.from({ length: 501 }, (_, index) => createEvent(String(index)).event))
    queue.add([createEvent('large', 400_000).event, createEvent('next', 400_000).event, createEvent('huge', 4_000_000).event])
    await queue.idle()
    expect(requests.map((request) => request.split(' ').length - 1)).toEqual([500, 2, 1, 1])
  })

  it('repeats a failed request as it was, over the same appender, before it sends what came later', async () => {
    const { queue, requests } = createKafka((_, request) => (request < 4 ? Promise.reject(away()) : undefined))
    queue.add([createEvent('a').event, createEvent('b').event])
    await systemClock.sleep(3)
    queue.add([createEvent('c').event])
    await queue.idle()
    expect(requests).toEqual(['1: a b', '1: a b', '1: a b', '1: a b', '1: c'])
  })

  it('repeats what other partitions have not acknowledged only, over the same appender, and settles the rest at once', async () => {
    const [a, b, c] = [createEvent('a'), createEvent('b'), createEvent('c')]
    const settled: string[][] = []
    const { queue, requests } = createKafka(
      (_, request) => {
        settled.push([a, b, c].flatMap(({ outcome }) => outcome))
        return request < 3 ? Promise.reject(away()) : undefined
      },
      ['a', 'c'],
    )
    queue.add([a.event, b.event, c.event])
    await queue.idle()
    expect(requests).toEqual(['1: a b c', '1: b', '1: b'])
    expect(settled).toEqual([[], ['acknowledged', 'acknowledged'], ['acknowledged', 'acknowledged']])
    expect([a, b, c].map(({ outcome }) => outcome)).toEqual([['acknowledged'], ['acknowledged'], ['acknowledged']])
  })

  it('sends a request without an event that was given up over another appender', async () => {
    const first = createEvent('a')
    const { queue, requests } = createKafka((_, request) => {
      if (request > 1) return undefined
      first.giveUp()
      return Promise.reject(away())
    })
    queue.add([first.event, createEvent('b').event])
    await queue.idle()
    expect(requests).toEqual(['1: a b', '2: b'])
    expect(first.outcome).toEqual([])
  })

  it('takes another appender when the broker does not accept its sequence numbers', async () => {
    const { queue, requests } = createKafka((_, request) =>
      request === 1 ? Promise.reject(brokerError('OUT_OF_ORDER_SEQUENCE_NUMBER', false)) : undefined,
    )
    queue.add([createEvent('a').event])
    await queue.idle()
    expect(requests).toEqual(['1: a', '2: a'])
  })

  it('fails an event that the broker refuses, and no other', async () => {
    const { queue } = createKafka((values) => (values.includes('b') ? Promise.reject(brokerError('MESSAGE_TOO_LARGE', false)) : undefined))
    const events = ['a', 'b', 'c'].map((value) => createEvent(value))
    queue.add(events.map(({ event }) => event))
    await queue.idle()
    expect(events.map(({ outcome }) => outcome)).toEqual([
      ['acknowledged'],
      [expect.stringMatching(/^refused: the event is larger than topic "domain-events" allows/)],
      ['acknowledged'],
    ])
  })

  it('looks several times for a topic that no broker knows, then fails its events', async () => {
    const { queue, requests } = createKafka(() => Promise.reject(brokerError('UNKNOWN_TOPIC_OR_PARTITION', true)))
    const events = [createEvent('a'), createEvent('b')]
    queue.add(events.map(({ event }) => event))
    await queue.idle()
    expect(requests).toHaveLength(4)
    for (const { outcome } of events) expect(outcome).toEqual([expect.stringMatching(/^refused: topic "domain-events" does not exist/)])
  })

  it('returns what it gives up, and ends', async () => {
    const { queue } = createKafka(() => Promise.reject(away()))
    const [first, second] = [createEvent('a').event, createEvent('b').event]
    queue.add([first])
    await systemClock.sleep(3)
    queue.add([second])
    expect(queue.trouble).toBe('connect ECONNREFUSED')
    expect(queue.giveUp()).toEqual([first, second])
    await queue.idle()
    await queue.disconnect()
  })
})
