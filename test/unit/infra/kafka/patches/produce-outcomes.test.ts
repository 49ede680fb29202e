import { createRequire } from 'node:module'
import { describe, expect, it, test } from 'vitest'
import {
  outcomeOf,
  patchProduceOutcomes,
  requestsEnded,
  Superseded,
  unpatchedProduce,
  watchOutcome,
} from '../../../../../src/infra/kafka/patches/produce-outcomes.ts'
import { functionText } from '../../../../support/function-text.ts'

const require = createRequire(import.meta.url)
const createSendMessages: { toString(): string } = require('kafkajs/src/producer/sendMessages.js')

test('kafkajs’s functions are those that the patch was written for', () => {
  expect(functionText(unpatchedProduce)).toMatchInlineSnapshot(
    `"async produce({ topicData, transactionalId, producerId, producerEpoch, acks = -1, timeout = 30000, compression = Compression.None, }) { const produce = this.lookupRequest(apiKeys.Produce, requests.Produce) return await this[PRIVATE.SEND_REQUEST]( produce({ acks, timeout, compression, topicData, transactionalId, producerId, producerEpoch, }) ) }"`,
  )
  // After a failure it takes back the sequence numbers of what is in the list then.
  expect(functionText(createSendMessages)).toContain(
    'catch (e) { topicData.forEach(({ topic, partitions }) => { partitions.forEach(entry => { eosManager.updateSequence(topic, entry.partition, -entry.messages.length) }) }) throw e }',
  )
})

patchProduceOutcomes()

interface FakeBroker {
  produce(request: object): Promise<unknown>
  lookupRequest: unknown
  connectionPool: unknown
}

const Broker: { readonly prototype: object } = require('kafkajs/src/broker/index.js')

/** Throws the first error, as kafkajs does. */
async function parse<Reply extends { topics: { partitions: { errorCode: number }[] }[] }>(reply: Reply): Promise<Reply> {
  const code = reply.topics[0]?.partitions[0]?.errorCode
  if (code !== 0) throw new Error(`error ${code}`)
  return reply
}

/** kafkajs's broker, whose partition 0 answers with the error codes in their order; a promise is waited for, null is a connection that is lost. */
function brokerAnswering(...codes: readonly (number | null | Promise<number | null>)[]) {
  const left = [...codes]
  let sends = 0
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- with all that producing uses
  const broker = Object.create(Broker.prototype) as FakeBroker
  broker.connectionPool = {
    send: async ({ response }: { response: { parse(reply: unknown): Promise<unknown> } }) => {
      sends += 1
      const errorCode = await left.shift()
      if (errorCode === null) throw new Error('the connection is lost')
      return response.parse({ topics: [{ topicName: 'events', partitions: [{ partition: 0, errorCode }] }] })
    },
  }
  broker.lookupRequest = () => (request: object) => ({ request, response: { decode: () => undefined, parse } })
  const produce = (...messages: readonly object[]) =>
    broker.produce({ topicData: [{ topic: 'events', partitions: [{ partition: 0, messages }] }] }).then(
      () => 'taken',
      (error: unknown) => (error instanceof Superseded ? 'superseded' : 'failed'),
    )
  return { produce, sends: () => sends }
}

function watchedMessage(): object {
  const message = {}
  watchOutcome(message)
  return message
}

describe('what became of a message', () => {
  it.each<[string, number | null, string]>([
    ['acknowledged', 0, 'acknowledged'],
    ['refused before it was appended', 19, 'refused'],
    ['unknown after an append that not all replicas have', 20, 'unknown'],
    ['unknown where the leader has changed', 6, 'unknown'],
    ['unknown without an answer', null, 'unknown'],
  ])('is %s', async (_, code, outcome) => {
    const message = watchedMessage()
    expect(outcomeOf(message)).toBeUndefined()
    await brokerAnswering(code).produce(message)
    expect(outcomeOf(message)).toBe(outcome)
  })

  it('stays unknown until it is acknowledged', async () => {
    const message = watchedMessage()
    const { produce } = brokerAnswering(null, 19, 0)
    const seen = []
    for (let request = 0; request < 3; request++) {
      await produce(message)
      seen.push(outcomeOf(message))
    }
    expect(seen).toEqual(['unknown', 'unknown', 'acknowledged'])
  })
})

describe('a request', () => {
  it('is not sent with a message that is in flight or in the log', async () => {
    const message = watchedMessage()
    const answer = Promise.withResolvers<number>()
    const { produce, sends } = brokerAnswering(answer.promise)
    const first = produce(message)
    const others = [produce(message), produce(message)]
    answer.resolve(0)
    expect([await first, ...(await Promise.all(others)), await produce(message), sends()]).toEqual([
      'taken',
      'superseded',
      'superseded',
      'superseded',
      1,
    ])
  })

  it('that is repeated while the first one fails is left to the caller, who finds none in flight', async () => {
    const message = watchedMessage()
    const answer = Promise.withResolvers<number>()
    const { produce, sends } = brokerAnswering(answer.promise, 0)
    const both = [produce(message), produce(message)]
    const ended = requestsEnded([message]).then(() => outcomeOf(message))
    answer.resolve(7)
    expect([...(await Promise.all(both)), await ended, sends()]).toEqual(['failed', 'superseded', 'unknown', 1])
    expect([await produce(message), outcomeOf(message)]).toEqual(['taken', 'acknowledged'])
  })

  it('of another program in the process is sent as it is, as often as it likes', async () => {
    const message = {}
    const { produce } = brokerAnswering(0, 0)
    expect([await produce(message), await produce(message), outcomeOf(message)]).toEqual(['taken', 'taken', undefined])
  })
})
