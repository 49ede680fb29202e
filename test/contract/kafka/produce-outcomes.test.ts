import type { Message } from 'kafkajs'
import { expect, test } from 'vitest'
import { createRawProducer } from '../../../src/infra/kafka/producer/kafka-producer.ts'
import { recordsOf } from '../../support/outbox-relay.ts'
import { createSourceFixture, kafkaSettings } from './source-fixture.ts'

const PARTITIONS = 6
/** The broker's own words. */
const TOO_LARGE = /larger than the max message size/

function message(partition: number, name: string, size = 10): Message {
  return { partition, key: String(partition), value: Buffer.alloc(size, 'x'), headers: { 'event-id': name } }
}

/** One for each partition, of which the last is too large for the topic. */
function mixed(round: number): Message[] {
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    message(partition, `${round}/${partition}`, partition === PARTITIONS - 1 ? 5_000 : 10),
  )
}

test.each([false, true])(
  'partitions that acknowledge are known where another refuses, and nothing of theirs is repeated or lost (idempotent: %s)',
  async (idempotent) => {
    await using s = await createSourceFixture({ partitions: PARTITIONS, topic: { config: { 'max.message.bytes': '1000' } } })
    const producer = createRawProducer(kafkaSettings(), { retries: 1, idempotent })
    await producer.connect()
    // Until then a partition may have no leader yet, and this producer gives up after one retry.
    for (let partition = 0; partition < PARTITIONS; partition++) await s.produce(partition, ['there'])
    const sent: string[] = []
    for (let round = 0; round < 4; round++) {
      const messages = mixed(round)
      await expect(producer.send(s.topic, messages)).rejects.toThrow(TOO_LARGE)
      expect(messages.map((one) => producer.outcomeOf(one))).toEqual([...Array<string>(PARTITIONS - 1).fill('acknowledged'), 'refused'])
      // As it was, and without the one at fault.
      await expect(producer.send(s.topic, messages)).rejects.toThrow(TOO_LARGE)
      await producer.send(s.topic, messages.slice(0, -1))
      const last = message(PARTITIONS - 1, `${round}/small`)
      await producer.send(s.topic, [...messages.slice(0, -1), last])
      sent.push(...Array.from({ length: PARTITIONS - 1 }, (_, partition) => `${round}/${partition}`), `${round}/small`)
    }
    const never = message(0, 'never')
    expect(producer.outcomeOf(never)).toBeUndefined()
    await producer.disconnect()
    const written = (await recordsOf(kafkaSettings().brokers, s.topic)).filter(({ value }) => value !== 'there')
    expect(written.map(({ eventId }) => eventId).toSorted()).toEqual(sent.toSorted())
  },
)
