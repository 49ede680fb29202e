import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { unpatchedProduce } from '../../../../../src/infra/kafka/patches/produce-outcomes.ts'

const require = createRequire(import.meta.url)
const createSendMessages: { toString(): string } = require('kafkajs/src/producer/sendMessages.js')

const text = (code: { toString(): string }) =>
  code
    .toString()
    .replaceAll(/\/\/.*/g, '')
    .replaceAll(/\s+/g, ' ')

test('kafkajs’s functions are those that the patch was written for', () => {
  expect(text(unpatchedProduce)).toMatchInlineSnapshot(
    `"async produce({ topicData, transactionalId, producerId, producerEpoch, acks = -1, timeout = 30000, compression = Compression.None, }) { const produce = this.lookupRequest(apiKeys.Produce, requests.Produce) return await this[PRIVATE.SEND_REQUEST]( produce({ acks, timeout, compression, topicData, transactionalId, producerId, producerEpoch, }) ) }"`,
  )
  // After a failure it takes back the sequence numbers of what is in the list then.
  expect(text(createSendMessages)).toContain(
    'catch (e) { topicData.forEach(({ topic, partitions }) => { partitions.forEach(entry => { eosManager.updateSequence(topic, entry.partition, -entry.messages.length) }) }) throw e }',
  )
})
