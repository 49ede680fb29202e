import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { runWorkerctl, type Ran } from './workerctl-fixture.ts'

let db: MigratedDatabase
beforeAll(async () => {
  db = await migratedDatabase()
})
afterAll(async () => db.close())
beforeEach(async () => {
  await db.sql.query('TRUNCATE worker.outbox RESTART IDENTITY')
  await db.sql.query(
    `INSERT INTO worker.outbox (id, aggregatetype, aggregateid, type, topic, payload, published_at, failed_at, reason, error)
     SELECT gen_random_uuid(), 'campaign', 'key', type, topic, '{"email":"guest@example.com"}', published_at, failed_at, reason, error
       FROM (VALUES ('user.signed_up', 'events', now(), NULL, NULL, NULL),
                    ('user.signed_up', 'events', NULL, NULL, NULL, NULL),
                    ('user.signed_up', 'gone', NULL, now(), 'unknown-topic', 'topic "gone" does not exist'),
                    ('user.renamed', 'events', NULL, now(), 'unknown-event', 'event type "user.renamed" is not in the catalogue'),
                    ('user.signed_up', 'gone', NULL, now(), 'unknown-topic', 'topic "gone" does not exist'))
         AS v (type, topic, published_at, failed_at, reason, error)`,
  )
})

const workerctl = (...args: readonly string[]): Promise<Ran> =>
  runWorkerctl(['outbox', ...args], { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url })
const failed = async () => (await db.sql.query('SELECT FROM worker.outbox WHERE failed_at IS NOT NULL')).length

test('events that are not published are counted, and failed ones listed with their sentence and without their content', async () => {
  const all = await workerctl('list')
  expect(all).toMatchObject({ code: 0, out: expect.stringContaining('topic "gone" does not exist') })
  expect(all.out).not.toContain('guest@')
  const parsed = JSON.parse((await workerctl('list', '--json')).out)
  expect(parsed.counts).toMatchObject([
    { state: 'failed', topic: 'gone', type: 'user.signed_up', reason: 'unknown-topic', count: 2 },
    { state: 'failed', topic: 'events', type: 'user.renamed', reason: 'unknown-event', count: 1 },
    { state: 'due', topic: 'events', type: 'user.signed_up', reason: null, count: 1 },
  ])
  const filters: readonly (readonly [readonly string[], number])[] = [
    [['--topic', 'gone'], 2],
    [['--type', 'user.renamed'], 1],
    [['--reason', 'unknown-topic'], 2],
    [['--limit', '1'], 1],
    [['--topic', 'other'], 0],
  ]
  for (const [args, count] of filters) {
    expect(JSON.parse((await workerctl('list', ...args, '--json')).out).failed).toHaveLength(count)
  }
  await db.sql.query('UPDATE worker.outbox SET published_at = now(), failed_at = NULL')
  expect(await workerctl('list')).toMatchObject({ code: 0, out: 'Every event of the outbox is published.' })
})

test('the plan of a requeue is shown first, and nothing else is requeued', async () => {
  expect(await workerctl('requeue', '--topic', 'gone')).toMatchObject({ code: 0, out: expect.stringContaining('add --yes') })
  expect(await workerctl('requeue', '--topic', 'gone', '--dry-run')).toMatchObject({ out: expect.stringContaining('2 of them') })
  expect(await failed()).toBe(3)
  const { out } = await workerctl('requeue', '3', '4', '2', '--topic', 'gone', '--yes', '--json')
  expect(JSON.parse(out)).toMatchObject({ planned: 1, applied: true, requeued: 1 })
  expect(await failed()).toBe(2)
  const rows = await db.sql.query('SELECT position FROM worker.outbox WHERE published_at IS NULL AND failed_at IS NULL ORDER BY position')
  expect(rows).toEqual([{ position: '2' }, { position: '3' }])
  expect(await workerctl('requeue', '--reason', 'unknown-topic', '--yes')).toMatchObject({
    code: 0,
    out: expect.stringContaining('Done: 1'),
  })
  expect(await workerctl('requeue', '2', '--yes')).toMatchObject({ code: 0, out: 'No failed event matches.' })
})

test('a confirmed requeue whose events somebody else has requeued meanwhile fails', async () => {
  const environment = { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url }
  expect(
    await runWorkerctl(['outbox', 'requeue', '--topic', 'gone'], environment, async () => {
      expect(await workerctl('requeue', '--topic', 'gone', '--yes')).toMatchObject({ code: 0 })
      return 'yes'
    }),
  ).toMatchObject({
    code: 1,
    err: 'Nothing was changed: another operator, or a daemon, has changed all that was selected (2 failed events) meanwhile; "outbox list" shows what was done.',
  })
})

test.each([
  [['requeue', '--yes'], /^Select the events: give positions, --topic, --type or --reason\.$/],
  [['requeue', '--topic', 'gone', '--limit', '1', '--yes'], /^2 failed events match, more than --limit 1/],
  [['list', '--reason', 'other'], /^There is no reason "other": give one of unknown-event, /],
  [['requeue', '4711x', '--yes'], /^"4711x" is no position: give a number that "outbox list" shows\.$/],
])('%j is refused with one sentence', async (args, sentence) => {
  expect(await workerctl(...args)).toMatchObject({ code: 1, err: expect.stringMatching(sentence) })
  expect(await failed()).toBe(3)
})
