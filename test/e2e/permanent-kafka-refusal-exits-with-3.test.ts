import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKafka, type KafkaServer } from '../../stack/kafka-broker.ts'
import { expectClean } from '../support/refusal.ts'
import { createFixture } from '../support/fixture.ts'

let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka()
})
afterAll(async () => kafka.stop())

test('brokers that refuse the member permanently: five crashes in a row, one sentence, exit code 3', async () => {
  await using fixture = await createFixture({ partitions: 1, brokers: kafka.bootstrap })
  const daemon = fixture.daemon({ KAFKA_GROUPS: 'email-workers', KAFKA_SESSION_TIMEOUT_MS: '10000' })
  await daemon.ready()
  const [broker] = kafka.brokers
  await broker?.stop()
  // Less than the 10 s that the daemon requests: all its further joins are refused. It comes when somebody else joins.
  await broker?.start({ 'group.max.session.timeout.ms': 7_000 })
  fixture.daemon({ KAFKA_GROUPS: 'email-workers', KAFKA_SESSION_TIMEOUT_MS: '6000' })
  expect(await daemon.exited).toBe(3)
  expectClean(daemon)
  const fatal = daemon.lines.filter(({ level }) => level === 'fatal')
  expect(fatal.map(({ msg }) => msg)).toEqual([
    expect.stringMatching(/^The Kafka client cannot recover: Kafka at \S+ rejects KAFKA_SESSION_TIMEOUT_MS \(10000\): set it within .*\.$/),
  ])
  const crashes = daemon.lines.filter(({ msg }) => msg === 'consumer crashed').map((line) => line['crashes'])
  expect(crashes).toEqual(expect.arrayContaining([1, 2, 3, 4, 5]))
})
