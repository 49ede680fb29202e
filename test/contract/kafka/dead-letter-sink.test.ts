import net from 'node:net'
import type { ISocketFactory } from 'kafkajs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createDeadLetterSink } from '../../../src/infra/kafka/producer/kafka-dead-letter-sink.ts'
import { createEventProducer } from '../../../src/infra/kafka/producer/kafka-event-transport.ts'
import { FieldReader, RecordView } from '../../../src/infra/kafka/records/read-record.ts'
import { OperatorError } from '../../../src/std/failure.ts'
import { deadLetterTopic } from '../../../src/ingest/dead-letter.ts'
import type { DeadLetter } from '../../../src/ingest/dead-letter.ts'
import type { LogRecord, PartitionBatch } from '../../../src/ingest/record-source.ts'
import { packRecords } from '../../support/record-batch.ts'
import { kafkaSettings, createSourceFixture } from './source-fixture.ts'
import type { SourceFixture } from './source-fixture.ts'

const soon = { timeout: 100_000, interval: 25 }
const MEBIBYTE = 1_048_576

test('a dead letter keeps key, partition, value and headers; our headers follow', async () => {
  await using s = await createSourceFixture({ partitions: 3 })
  const headers = { 'event-type': Buffer.from('user.signed_up'), twice: [Buffer.from('1'), Buffer.from([0xff])] }
  const record = { offset: 7n, timestamp: 1_700_000_000_000, key: Buffer.from([0, 255]), value: Buffer.from([0xc3, 0x28]), headers }
  const [batch] = await published(s, [letter(s, { record, partition: 2 })])
  expect(batch?.partition).toBe(2)
  expect(batch?.records[0]).toMatchObject({ key: record.key, value: record.value, headers })
  expect(textOf(batch?.records[0], 'dlq-original-offset')).toBe('7')
  expect(textOf(batch?.records[0], 'dlq-error-code')).toBe('not-json')
})

test('headers named like members of JavaScript objects are kept', async () => {
  await using s = await createSourceFixture()
  const headers = Object.fromEntries(['__proto__', 'constructor', 'toString'].map((name) => [name, Buffer.from(name)]))
  const [batch] = await published(s, [letter(s, { record: { offset: 0n, timestamp: 1, key: null, value: null, headers } })])
  expect(Object.entries(batch?.records[0]?.headers ?? {}).slice(0, 3)).toEqual(Object.entries(headers))
})

test('a record without key and value, with an empty header, is published as well', async () => {
  await using s = await createSourceFixture()
  const record = { offset: 0n, timestamp: 1, key: null, value: null, headers: { empty: Buffer.alloc(0) } }
  const [batch] = await published(s, [letter(s, { record })])
  expect(batch?.records[0]).toMatchObject({ key: null, value: null, headers: { empty: Buffer.alloc(0) } })
})

test('a dead letter whose partition the dead-letter topic lacks is partitioned by its key', async () => {
  await using s = await createSourceFixture()
  const [batch] = await published(s, [letter(s, { partition: 9 })])
  expect(batch?.partition).toBe(0)
  expect(textOf(batch?.records[0], 'dlq-original-partition')).toBe('9')
})

test('a dead letter that our headers make too large is published without its value, the others with theirs', async () => {
  await using s = await createSourceFixture()
  const value = Buffer.alloc(MEBIBYTE - 100, 'x')
  const large = { offset: 1n, timestamp: 1, key: Buffer.from('k'), value, headers: {} }
  const batches = await published(s, [letter(s, {}), letter(s, { record: large }), letter(s, {})])
  const records = batches.flatMap(({ records }) => records)
  expect(records.map(({ value }) => value?.length)).toEqual([5, undefined, 5])
  expect(records.map((record) => textOf(record, 'value-omitted'))).toEqual([undefined, 'true', undefined])
  expect(records[1]?.key).toEqual(large.key)
})

test('a dead letter of a record that was too large to hold has no value and is marked so', async () => {
  await using s = await createSourceFixture()
  const record = { offset: 1n, timestamp: 1, key: Buffer.from('k'), value: null, headers: {}, omittedBytes: 5_000_000 }
  const [batch] = await published(s, [letter(s, { record })])
  expect(batch?.records[0]).toMatchObject({ key: record.key, value: null })
  expect(textOf(batch?.records[0], 'value-omitted')).toBe('true')
})

test('headers that alone exceed the limit are omitted as well', async () => {
  await using s = await createSourceFixture()
  const bytes = await packRecords('none', [{ value: null, headers: { filler: Buffer.alloc(MEBIBYTE - 100, 'x') } }])
  // As it was fetched: a view, whose fields a spread does not copy.
  const record = new RecordView(new FieldReader(bytes), { firstOffset: 1n, firstTimestamp: 2, appendTimestamp: null, leaderEpoch: 0 })
  const [batch] = await published(s, [letter(s, { record })])
  expect(textOf(batch?.records[0], 'headers-omitted')).toBe('true')
  expect(textOf(batch?.records[0], 'dlq-original-offset')).toBe('1')
  expect(textOf(batch?.records[0], 'dlq-original-timestamp')).toBe('2')
})

test('dead letters that exceed the limit only together all keep their values', async () => {
  await using s = await createSourceFixture()
  const record = { offset: 1n, timestamp: 1, key: null, value: Buffer.alloc(MEBIBYTE / 2, 'x'), headers: {} }
  const batches = await published(s, [letter(s, { record }), letter(s, { record }), letter(s, { record })])
  expect(batches.flatMap(({ records }) => records.map(({ value }) => value?.length))).toEqual(Array(3).fill(MEBIBYTE / 2))
})

test('large dead letters of several groups are sent one after the other', async () => {
  await using s = await createSourceFixture()
  const groups = ['one', 'two', 'three'].map((name) => `${s.group}-${name}`)
  for (const group of groups) await s.admin.createTopic({ name: deadLetterTopic(s.topic, group), partitions: 2 })
  const requests = watchProduceRequests()
  const sink = await connectedSink(requests.socketFactory)
  const record = { offset: 1n, timestamp: 1, key: null, value: Buffer.alloc(700_000, 'x'), headers: {} }
  const lettersOf = (group: string) => [0, 1].map((partition) => letter(s, { group, record, partition }))
  await Promise.all(groups.map((group) => sink.publish(lettersOf(group))))
  expect(requests).toMatchObject({ sent: groups.length, mostAtOnce: 1 })
})

test('a missing dead-letter topic is reported, and found once it exists', async () => {
  await using s = await createSourceFixture()
  const sink = await connectedSink()
  await expect(sink.publish([letter(s, {})])).rejects.toThrow(OperatorError)
  expect(await published(s, [letter(s, {})], sink)).toHaveLength(1)
})

test('events go to the partition of their key, in order', async () => {
  await using s = await createSourceFixture({ partitions: 5 })
  const producer = createEventProducer(kafkaSettings())
  await producer.connect()
  onTestFinished(() => producer.disconnect())
  const messages = Array.from({ length: 1_200 }, (_, index) => ({
    key: `key-${index % 7}`,
    value: Buffer.from(String(index)),
    headers: { 'event-type': 'user.signed_up' },
  }))
  await producer.send(s.topic, messages)
  const member = s.member()
  await member.start()
  await vi.waitFor(() => expect(member.values()).toHaveLength(1_200), soon)
  const byKey = Map.groupBy(
    member.batches.flatMap((batch) => batch.records.map((record) => ({ record, partition: batch.partition }))),
    ({ record }) => String(record.key),
  )
  expect(byKey.size).toBe(7)
  for (const [key, found] of byKey) {
    expect(new Set(found.map(({ partition }) => partition)).size).toBe(1)
    expect(found.map(({ record }) => String(record.value))).toEqual(
      messages.filter((sent) => sent.key === key).map(({ value }) => String(value)),
    )
  }
  expect(textOf(byKey.get('key-0')?.[0]?.record, 'event-type')).toBe('user.signed_up')
})

test('a producer whose idle connection was closed reconnects to send', async () => {
  await using s = await createSourceFixture()
  const sockets: net.Socket[] = []
  const socketFactory: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = net.connect({ host, port }, onConnect)
    socket.setTimeout(300, () => socket.destroy())
    sockets.push(socket)
    return socket
  }
  const producer = createEventProducer({ ...kafkaSettings(), socketFactory })
  await producer.connect()
  onTestFinished(() => producer.disconnect())
  const send = (value: string) => producer.send(s.topic, [{ key: 'k', value: Buffer.from(value), headers: {} }])
  await send('a')
  await vi.waitFor(() => expect(sockets.every(({ destroyed }) => destroyed)).toBe(true), soon)
  await send('b')
  expect(await s.admin.ranges(s.topic)).toEqual(new Map([[0, { low: 0n, high: 2n }]]))
})

test('an event for a topic that does not exist is reported', async () => {
  const producer = createEventProducer(kafkaSettings())
  await producer.connect()
  onTestFinished(() => producer.disconnect())
  await expect(producer.send('no-such-topic', [{ key: 'k', value: Buffer.from('v'), headers: {} }])).rejects.toThrow('does not exist')
})

function letter(s: SourceFixture, with_: Partial<DeadLetter>): DeadLetter {
  return {
    record: { offset: 0n, timestamp: 1, key: Buffer.from('k'), value: Buffer.from('value'), headers: {} },
    topic: s.topic,
    partition: 0,
    group: s.group,
    reason: 'not-json',
    detail: 'unexpected end',
    eventId: null,
    attempts: 1,
    firstFailedAt: new Date(0),
    lastFailedAt: new Date(0),
    ...with_,
  }
}

/** Counts requests to append records, and how many of them had no response yet at once. */
function watchProduceRequests() {
  const watch = { sent: 0, mostAtOnce: 0, socketFactory }
  function socketFactory({ host, port, onConnect }: Parameters<ISocketFactory>[0]): net.Socket {
    const socket = net.connect({ host, port }, onConnect)
    const writes = vi.spyOn(socket, 'write')
    const answered = new Set<number>()
    // A request is its length, its kind (0 appends), the version of that, and its number; a response its length and that number.
    socket.on('data', (response) => {
      const requests = writes.mock.calls.flatMap(([bytes]) =>
        Buffer.isBuffer(bytes) && bytes.readInt16BE(4) === 0 ? [bytes.readInt32BE(8)] : [],
      )
      watch.sent = requests.length
      watch.mostAtOnce = Math.max(watch.mostAtOnce, requests.filter((number) => !answered.has(number)).length)
      if (Buffer.isBuffer(response)) answered.add(response.readInt32BE(4))
    })
    return socket
  }
  return watch
}

async function connectedSink(socketFactory?: ISocketFactory) {
  const sink = createDeadLetterSink({ ...kafkaSettings(), ...(socketFactory && { socketFactory }) })
  await sink.connect()
  onTestFinished(() => sink.disconnect())
  return sink
}

/** Publishes the letters and reads the dead-letter topic back. */
async function published(
  s: SourceFixture,
  letters: readonly DeadLetter[],
  sink?: Awaited<ReturnType<typeof connectedSink>>,
): Promise<PartitionBatch[]> {
  const topic = deadLetterTopic(s.topic, s.group)
  const [partitions = 1] = (await s.admin.topics([s.topic])).values()
  await s.admin.createTopic({ name: topic, partitions })
  await (sink ?? (await connectedSink())).publish(letters)
  const reader = s.member({}, { topic })
  await reader.start()
  await vi.waitFor(() => expect(reader.values().length).toBeGreaterThanOrEqual(letters.length), soon)
  return reader.batches
}

function textOf(record: LogRecord | undefined, header: string): string | undefined {
  return record?.headers[header]?.toString()
}
