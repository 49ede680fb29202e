import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { createPublisher, type Publisher } from '../../src/events/publisher.ts'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import type { Sql } from '../../src/std/sql.ts'
import { eventually } from '../support/eventually.ts'
import { freshTopicName } from '../support/fresh.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { createTopics, recordsOf, startRelay } from '../support/outbox-relay.ts'

const brokers = inject('kafkaBootstrap')
const accountId = randomUUID()

let database: MigratedDatabase
let topic: string
let publisher: Publisher
beforeAll(async () => {
  database = await migratedDatabase()
})
beforeEach(async () => {
  await database.sql.query('TRUNCATE worker.outbox')
  topic = freshTopicName()
  publisher = publisherTo(topic)
  await createTopics(brokers, [{ name: topic, partitions: 3 }])
})
afterAll(() => database.close())

function publisherTo(topic: string): Publisher {
  return createPublisher({ transport: { send: () => Promise.reject(new Error('only in transactions')) }, topic })
}

function signUp(campaignId: string = randomUUID(), email = 'guest@example.com') {
  return { type: 'user.signed_up', accountId, campaignId, userId: randomUUID(), email } satisfies TypedInput
}

async function left(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.outbox WHERE published_at IS NULL')
  return row?.count ?? -1
}

const published = (rest = 0) =>
  eventually('the outbox is published', async () => {
    const count = await left(database.sql)
    return count === rest || `${count} are left`
  })

test('what is committed is published once under its id, and what is rolled back is not', async () => {
  await using _ = await startRelay(database, brokers)
  const committed = await database.transaction((tx) => publisher.inTransaction(tx).publishMany([signUp(), signUp()]))
  const rolledBack = database.transaction(async (tx) => {
    await publisher.inTransaction(tx).publishMany([signUp(), signUp()])
    throw new Error('the platform thinks better of it')
  })
  await expect(rolledBack).rejects.toThrow('thinks better')
  const last = await database.transaction((tx) => publisher.inTransaction(tx).publishMany([signUp()]))
  await published()
  const ids = (await recordsOf(brokers, topic)).map(({ eventId }) => eventId)
  expect(ids.toSorted()).toEqual([...committed, ...last].map(({ eventId }) => eventId).toSorted())
})

test('events of a key arrive in the order of their transactions, whatever their size', async () => {
  const campaigns = Array.from({ length: 6 }, () => randomUUID())
  const expected = new Map<string, string[]>(campaigns.map((campaign) => [campaign, []]))
  for (let round = 0; round < 150; round++) {
    await database.transaction(async (tx) => {
      const events = campaigns.map((campaignId) => signUp(campaignId, `${'x'.repeat(1 + (round % 15) * 20)}@example.com`))
      const ids = await publisher.inTransaction(tx).publishMany(events)
      for (const [index, { eventId }] of ids.entries()) expected.get(campaigns[index] ?? '')?.push(eventId)
    })
  }
  await using running = await startRelay(database, brokers)
  await published()
  const records = await recordsOf(brokers, topic)
  const arrived = Map.groupBy(records, ({ key }) => key)
  for (const [campaign, ids] of expected) expect(arrived.get(campaign)?.map(({ eventId }) => eventId)).toEqual(ids)
  expect(running.facts.filter((fact) => fact.is === 'outbox-waiting')).toEqual([])
})

test('a row that Kafka or the catalogue refuses is kept with its reason, and the rest of its shard is published', async () => {
  const campaign = randomUUID()
  const small = freshTopicName('small')
  await createTopics(brokers, [{ name: small, partitions: 1, config: { 'max.message.bytes': '850' } }])
  const gone = freshTopicName('gone')
  const large = 'x'.repeat(300)
  const [before, tooLarge, after] = await database.transaction(async (tx) => [
    await publisherTo(small).inTransaction(tx).publishUserSignedUp(signUp(campaign)),
    await publisherTo(small)
      .inTransaction(tx)
      .publishUserSignedUp(signUp(campaign, `${large}@example.com`)),
    await publisherTo(small).inTransaction(tx).publishUserSignedUp(signUp(campaign)),
    await publisherTo(gone).inTransaction(tx).publishUserSignedUp(signUp(campaign)),
    await publisherTo('no topic!').inTransaction(tx).publishUserSignedUp(signUp(campaign)),
    await publisher.inTransaction(tx).publishUserSignedUp(signUp(campaign)),
  ])
  await database.sql.query(
    `INSERT INTO worker.outbox (id, aggregatetype, aggregateid, type, topic, payload) VALUES (gen_random_uuid(), 'campaign', $1, 'user.renamed', $2, '{}')`,
    [campaign, topic],
  )
  await using running = await startRelay(database, brokers)
  await published(4)
  expect(await recordsOf(brokers, topic)).toHaveLength(1)
  expect((await recordsOf(brokers, small)).map(({ eventId }) => eventId)).toEqual([before?.eventId, after?.eventId])
  const failed = await database.sql.query<{ reason: string; error: string }>(
    'SELECT reason, error FROM worker.outbox WHERE failed_at IS NOT NULL ORDER BY position',
  )
  expect(failed).toEqual([
    { reason: 'too-large', error: expect.stringContaining(`larger than topic "${small}" takes: raise its max.message.bytes`) },
    { reason: 'unknown-topic', error: expect.stringContaining(`topic "${gone}" does not exist`) },
    { reason: 'unknown-topic', error: expect.stringContaining('"no topic!" is no name of a topic') },
    { reason: 'unknown-event', error: expect.stringContaining('"user.renamed" is not in the catalogue') },
  ])
  expect(running.facts.filter((fact) => fact.is === 'outbox-failed')).toHaveLength(4)

  // Once its cause is corrected and the row is requeued, the event arrives, behind those that went on without it.
  await createTopics(brokers, [{ name: gone, partitions: 1 }])
  await database.sql.query(`UPDATE worker.outbox SET failed_at = NULL, reason = NULL, error = NULL WHERE topic = $1`, [gone])
  await published(3)
  expect(await recordsOf(brokers, gone)).toHaveLength(1)
  expect(tooLarge).toBeDefined()
})

test('two relays share the shards; when the connection of one is cut, the other publishes everything', async () => {
  await using one = await startRelay(database, brokers)
  await using two = await startRelay(database, brokers)
  await eventually('each has half', () => {
    const shares = [one.relay.status().shards, two.relay.status().shards]
    return shares.every((shards) => shards.length === 4) || JSON.stringify(shares)
  })
  const events = await database.transaction((tx) => publisher.inTransaction(tx).publishMany(Array.from({ length: 200 }, () => signUp())))
  await published()
  const by = (facts: typeof one.facts) => facts.filter((fact) => fact.is === 'outbox-published').length
  expect(by(one.facts)).toBeGreaterThan(0)
  expect(by(two.facts)).toBeGreaterThan(0)

  await database.sql.query(
    `SELECT pg_terminate_backend(pid) FROM (SELECT DISTINCT pid FROM pg_locks
      WHERE locktype = 'advisory' AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1) AS one`,
  )
  const more = await database.transaction((tx) => publisher.inTransaction(tx).publishMany(Array.from({ length: 200 }, () => signUp())))
  await published()
  const ids = new Set((await recordsOf(brokers, topic)).map(({ eventId }) => eventId))
  expect(ids).toEqual(new Set([...events, ...more].map(({ eventId }) => eventId)))
})

test('thousands of events for a topic that does not exist do not hold up those of other topics', async () => {
  const campaign = randomUUID()
  const gone = publisherTo(freshTopicName('gone'))
  for (let round = 0; round < 10; round++) {
    await database.transaction(async (tx) => {
      await gone.inTransaction(tx).publishMany(Array.from({ length: 500 }, () => signUp(campaign)))
      await publisher.inTransaction(tx).publishUserSignedUp(signUp(campaign))
    })
  }
  await using _ = await startRelay(database, brokers)
  await published(5_000)
  expect(await recordsOf(brokers, topic)).toHaveLength(10)
})
