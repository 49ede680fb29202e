import { randomUUID } from 'node:crypto'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { decode } from '../../../src/events/decode.ts'
import { InvalidEvent } from '../../../src/events/invalid-event.ts'
import { createPublisher } from '../../../src/events/publisher.ts'
import { exampleNamed, writeExamples } from '../../support/document-examples.ts'
import { eventually } from '../../support/eventually.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

/** The platform's own connections: the driver as it comes, without anything of ours. */
let database: MigratedDatabase
let one: Client
let two: Client

beforeAll(async () => {
  database = await migratedDatabase()
  one = new Client({ connectionString: database.url })
  two = new Client({ connectionString: database.url })
  await Promise.all([one.connect(), two.connect()])
})
beforeEach(() => database.sql.query('TRUNCATE worker.outbox'))
afterAll(async () => {
  await Promise.all([one.end(), two.end()])
  await database.close()
})

const publisher = createPublisher({
  transport: { send: () => Promise.reject(new Error('nothing is sent to Kafka in a transaction')) },
  topic: 'domain-events',
})

const about = { accountId: randomUUID(), campaignId: randomUUID() }
const signUp = (more: object = {}) => ({ ...about, userId: randomUUID(), email: 'guest@example.com', ...more })

function signUps(campaigns: readonly string[]) {
  return campaigns.map((campaignId) => ({ type: 'user.signed_up' as const, ...signUp({ campaignId }) }))
}

const byKey = (client: Client) => publisher.inTransaction(client, { orderBy: 'key' })

async function publishOften(client: Client, campaigns: readonly string[]): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await client.query('BEGIN')
    await byKey(client).publishMany(signUps(campaigns))
    await client.query('COMMIT')
  }
}

async function rows() {
  return database.sql.query<{
    id: string
    aggregateid: string
    type: string
    topic: string
    headers: Record<string, string>
    payload: string
  }>('SELECT * FROM worker.outbox ORDER BY position')
}

test('an event is a row of the transaction, in the names of the outbox event router, with the bytes that the publisher sends', async () => {
  await one.query('BEGIN')
  const { eventId } = await publisher.inTransaction(one).publishUserSignedUp(signUp({ correlationId: 'request-7' }))
  expect(await rows()).toEqual([])
  await one.query('COMMIT')

  const [row] = await rows()
  expect(row).toMatchObject({
    id: eventId,
    aggregatetype: 'campaign',
    aggregateid: about.campaignId,
    type: 'user.signed_up',
    topic: 'domain-events',
    published_at: null,
    failed_at: null,
    headers: { 'event-id': eventId, 'event-type': 'user.signed_up', 'correlation-id': 'request-7' },
  })
  const headers = Object.fromEntries(Object.entries(row?.headers ?? {}).map(([name, text]) => [name, Buffer.from(text)]))
  const decoded = decode({ value: Buffer.from(row?.payload ?? ''), headers }, { maxBytes: 100_000 })
  expect(decoded).toMatchObject({ is: 'event', event: { id: eventId, type: 'user.signed_up' } })
})

test('the program of the guide publishes with its own write, or not at all', async () => {
  await using written = await writeExamples([exampleNamed('in-transaction')])
  const { verify }: { verify: (client: Client, by: typeof publisher, person: object) => Promise<void> } = await import(
    written.paths[0] ?? ''
  )
  const { type: _, ...person } = { type: 'user.verified', ...signUp() }
  await verify(one, publisher, person)
  expect(await rows()).toMatchObject([{ type: 'user.verified' }])
  await expect(verify(one, publisher, { ...person, email: 7 })).rejects.toThrow(InvalidEvent)
  expect(await rows()).toHaveLength(1)
})

test('a rollback, also to a savepoint, leaves no event', async () => {
  await one.query('BEGIN')
  await publisher.inTransaction(one).publishUserSignedUp(signUp())
  await one.query('ROLLBACK')
  await one.query('BEGIN')
  const kept = await publisher.inTransaction(one).publishUserSignedUp(signUp())
  await one.query('SAVEPOINT before')
  await publisher.inTransaction(one).publishUserSignedUp(signUp())
  await one.query('ROLLBACK TO before')
  await one.query('COMMIT')
  expect((await rows()).map(({ id }) => id)).toEqual([kept.eventId])
})

test('a list of events has positions in its order, and whatever text is in it arrives as it is', async () => {
  const text = `O'Brien "{},\\' \u{1F600} \u0000 \uD800 $1`
  const events = Array.from({ length: 300 }, (_, index) => ({
    type: 'campaign.milestone_reached' as const,
    ...about,
    eventId: randomUUID(),
    milestone: `${index} ${text}`,
    participantCount: index,
  }))
  await one.query('BEGIN')
  await publisher.inTransaction(one).publishMany(events)
  await one.query('COMMIT')
  const payloads = (await rows()).map(({ payload }): { data: { milestone: string } } => JSON.parse(payload))
  expect(payloads.map(({ data }) => data.milestone)).toEqual(events.map(({ milestone }) => milestone))
})

test('an invalid event writes nothing and leaves the transaction as it was', async () => {
  await one.query('BEGIN')
  const wrong = publisher.inTransaction(one).publishUserSignedUp(signUp({ userId: 'nobody' }))
  await expect(wrong).rejects.toThrow(InvalidEvent)
  await one.query('SELECT 1')
  await one.query('COMMIT')
  expect(await rows()).toEqual([])
})

test('a pool is refused, because its statements run outside the transaction', async () => {
  const pool = new Pool({ connectionString: database.url })
  try {
    expect(() => publisher.inTransaction(pool)).toThrow('pass the client that sent BEGIN')
  } finally {
    await pool.end()
  }
  expect(await rows()).toEqual([])
})

test("with orderBy: 'key' a transaction waits for the one before it with the same key, and for no other", async () => {
  await one.query('BEGIN')
  const first = await byKey(one).publishUserSignedUp(signUp())

  await two.query('BEGIN')
  await byKey(two).publishUserSignedUp(signUp({ campaignId: randomUUID() }))
  const waiting = byKey(two).publishUserSignedUp(signUp())
  await eventually('the second transaction waits for the lock', async () => {
    const [blocked] = await database.sql.query<{ count: number }>(`SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted`)
    return (blocked?.count ?? 0) > 0 || 'nobody waits'
  })
  await one.query('COMMIT')
  const second = await waiting
  await two.query('COMMIT')
  const ofKey = (await rows()).filter(({ aggregateid }) => aggregateid === about.campaignId)
  expect(ofKey.map(({ id }) => id)).toEqual([first.eventId, second.eventId])
})

test('two lists with the same keys in another order do not wait for each other forever', async () => {
  const campaigns = Array.from({ length: 20 }, () => randomUUID())
  await Promise.all([publishOften(one, campaigns), publishOften(two, campaigns.toReversed())])
  expect((await rows()).length).toBe(800)
})
