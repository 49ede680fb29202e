import Broker from 'kafkajs/src/broker/index.js'
import { afterEach, expect, test, vi } from 'vitest'
import '../../../src/infra/kafka/client/kafka-client.ts'
import { OperatorError } from '../../../src/std/failure.ts'
import type { SourceReport } from '../../../src/ingest/record-source.ts'
import { freshTopicName } from '../../support/fresh.ts'
import { createSourceFixture } from './source-fixture.ts'

const soon = { timeout: 100_000, interval: 25 }
// oxlint-disable-next-line typescript/unbound-method -- called with the broker as `this`
const fetch = Broker.prototype.fetch

afterEach(mendFetching)

/** Kills who fetches from the beginning, as kafkajs kills itself by what it does not know how to read. */
function breakFetching(): void {
  Broker.prototype.fetch = brokenFetch
}

const brokenFetch: typeof fetch = async function broken(request) {
  if (JSON.stringify(request).includes('"fetchOffset":"0"'))
    throw Object.assign(new Error('not implemented'), { name: 'KafkaJSNotImplemented', retriable: false })
  return fetch.call(this, request)
}

function mendFetching(): void {
  Broker.prototype.fetch = fetch
}

test('a client that has ended permanently is replaced and continues where the handlers say, still paused if it was', async () => {
  await using s = await createSourceFixture()
  const member = s.member()
  await member.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a']), soon)
  breakFetching()
  await s.produce(0, ['b'])
  const other = s.member({}, { groupId: `${s.group}-other` })
  await expect(Promise.race([other.start(), other.source.ended])).resolves.toBeUndefined()
  await vi.waitFor(() => expect(other.reported('crashed')).toMatchObject([{ crashes: 1 }]), soon)
  other.source.pause()
  mendFetching()
  await vi.waitFor(() => expect(other.assignments).toHaveLength(2), soon)
  expect(other.assignments[0]?.signal.aborted).toBe(true)
  await s.produce(0, ['c'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a', '0:b', '0:c']), soon)
  expect(other.batches).toEqual([])
  other.source.resume()
  await vi.waitFor(() => expect(other.values()).toEqual(['0:a', '0:b', '0:c']), soon)
  const newest = other.assignments.at(-1)
  expect(newest && (await other.source.commit(newest, new Map([[0, 3n]])))).toBe(true)
})

test('crashes without progress end the source at the limit', async () => {
  await using s = await createSourceFixture()
  await s.produce(0, ['a'])
  breakFetching()
  const member = s.member({}, { crashLimit: 2 })
  await member.start()
  await expect(member.source.ended).rejects.toThrow(`group "${s.group}" cannot continue`)
  expect(member.reported('crashed').map(({ crashes }) => crashes)).toEqual([1, 2])
  await vi.waitFor(async () => expect(await s.members()).toBe(0), soon)
})

test('a topic that does not exist is reported with the way out', async () => {
  await using s = await createSourceFixture()
  const member = s.member({}, { topic: 'no-such-topic' })
  const started = member.start()
  await expect(started).rejects.toThrow(OperatorError)
  await expect(started).rejects.toThrow('topic "no-such-topic" does not exist')
})

test('a topic that a broker does not know yet is found at the second attempt', async () => {
  await using s = await createSourceFixture()
  const topic = freshTopicName()
  const created = Promise.withResolvers<void>()
  const create = ({ is }: SourceReport) => {
    if (is === 'crashed') s.admin.createTopic({ name: topic, partitions: 1 }).then(() => created.resolve(), created.reject)
  }
  const member = s.member({ report: create }, { topic })
  await member.start()
  await created.promise
  expect(member.reported('crashed')).toHaveLength(1)
})

test('brokers that do not answer before the first join end the source at the limit', async () => {
  await using s = await createSourceFixture()
  const member = s.member({}, { settings: { brokers: ['127.0.0.1:1'], clientId: 'contract' }, crashLimit: 1 })
  const printed = (['log', 'info', 'warn', 'error'] as const).map((method) => vi.spyOn(console, method))
  await expect(member.start()).rejects.toThrow('cannot continue')
  // The client's own lines come as reports, none of them as an error, and nowhere else.
  const levels = new Set(member.reported('client-log').map(({ level }) => level))
  expect(levels).toContain('warn')
  expect(levels).not.toContain('error')
  expect(printed.flatMap(({ mock }) => mock.calls)).toEqual([])
})
