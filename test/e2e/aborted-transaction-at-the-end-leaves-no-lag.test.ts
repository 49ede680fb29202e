import { expect, test } from 'vitest'
import { createKafkaClient } from '../../src/infra/kafka/client/kafka-client.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('an aborted transaction at the end of a partition leaves no lag: rows and commits move past it without another record', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const { topic, sql, admin, publisher } = fixture
  const platform = new Platform(sql)
  const campaign = await platform.campaign()
  const { kafka, destroyConnections: cut } = createKafkaClient(
    { brokers: String(fixture.variables['KAFKA_BROKERS']).split(','), clientId: 'test' },
    { retries: 5 },
  )
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, transactionalId: topic })
  await producer.connect()
  const daemon = fixture.daemon()
  await daemon.ready()
  await publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await fixture.drained()

  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ partition: 0, value: 'never committed' }] })
  await transaction.abort()
  // The end that `read_committed` sees, which is there when the broker has written the marker: a moment after the abort is acknowledged.
  const high = 3n
  await eventually('the transaction has ended', async () => {
    const end = (await admin.ranges(topic)).get(0)?.high
    return end === high || `the log ends at ${end}`
  })
  for (const name of fixture.groups) {
    await eventually(`${name} is at the end`, async () => {
      const [row] = await sql.query<{ next_offset: string }>('SELECT next_offset FROM worker.progress WHERE group_name = $1', [
        fixture.group(name),
      ])
      const committed = (await admin.committed(fixture.group(name), topic)).get(0)
      return (row?.next_offset === '3' && committed === high) || `row ${row?.next_offset}, committed ${committed}`
    })
  }
  expect(await sql.query('SELECT DISTINCT next_offset FROM worker.progress')).toEqual([{ next_offset: '3' }])
  await publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  await fixture.drained()
  await producer.disconnect()
  cut()
})
