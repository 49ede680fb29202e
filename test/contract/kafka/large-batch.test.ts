import { createRequire } from 'node:module'
import kafkajs from 'kafkajs'
import { expect, test, vi } from 'vitest'
import { sendRaw } from './raw-request.ts'
import { kafkaSettings, createSourceFixture } from './source-fixture.ts'

const require = createRequire(import.meta.url)

/** More than fit on the stack as arguments of one call, by far; gzip packs them into some 100 kB. */
const COUNT = 300_000

/** One record batch to partition 0, straight to the only broker: kafkajs's own producer takes minutes to gather so many. */
async function sendBatch(topic: string, values: readonly string[]): Promise<void> {
  const produce: {
    protocol(version: object): (request: object) => { request: object }
  } = require('kafkajs/src/protocol/requests/produce/index.js')
  const messages = values.map((value) => ({ key: null, value, headers: {} }))
  const topicData = [{ topic, partitions: [{ partition: 0, firstSequence: 0, messages }] }]
  const { request } = produce.protocol({ version: 7 })({
    acks: -1,
    timeout: 30_000,
    compression: kafkajs.CompressionTypes.GZIP,
    producerId: -1,
    producerEpoch: 0,
    topicData,
  })
  const [broker = ''] = kafkaSettings().brokers
  await sendRaw(broker, request)
}

test('one compressed batch of 300,000 tiny records is read completely and in order', async () => {
  await using s = await createSourceFixture()
  await sendBatch(
    s.topic,
    Array.from({ length: COUNT }, (_, index) => String(index % 10)),
  )
  await vi.waitFor(async () => expect((await s.admin.ranges(s.topic)).get(0)?.high).toBe(BigInt(COUNT)), soon)
  const member = s.member()
  await member.start()
  await vi.waitFor(() => expect(member.batches.at(-1)?.nextOffset).toBe(BigInt(COUNT)), soon)
  expect(member.reported('crashed')).toEqual([])
  const records = member.batches.flatMap((batch) => batch.records)
  expect(records.length).toBe(COUNT)
  expect(records.every(({ offset, value }, index) => offset === BigInt(index) && String(value) === String(index % 10))).toBe(true)
})

const soon = { timeout: 100_000, interval: 25 }
