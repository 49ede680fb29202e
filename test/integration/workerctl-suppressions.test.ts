import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { runWorkerctl, type Ran } from './workerctl-fixture.ts'

let db: MigratedDatabase
const [one, other] = [randomUUID(), randomUUID()]

beforeAll(async () => {
  db = await migratedDatabase()
})
afterAll(async () => db.close())
beforeEach(async () => {
  await db.sql.query('TRUNCATE worker.suppressions')
  await db.sql.query(
    `INSERT INTO worker.suppressions (account_id, address_hash, reason, at) VALUES
       ($1, worker.address_hash('guest@example.com'), 'bounced', '2030-01-01Z'),
       ($2, worker.address_hash('guest@example.com'), 'unsubscribed', '2030-01-02Z'),
       ($1, worker.address_hash('ann@example.com'), 'bounced', '2030-01-03Z')`,
    [one, other],
  )
})

const workerctl = (...args: readonly string[]): Promise<Ran> =>
  runWorkerctl(['suppressions', ...args], { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url })
const left = async () => (await db.sql.query('SELECT FROM worker.suppressions')).length

test('suppressions are listed by address, account, reason and time, without addresses', async () => {
  const all = await workerctl('list')
  expect(all).toMatchObject({ code: 0, out: expect.stringContaining(one) })
  expect(all.out).not.toContain('@')
  const filters: readonly (readonly [readonly string[], number])[] = [
    [['--email', 'GUEST@Example.com'], 2],
    [['--account', one], 2],
    [['--reason', 'unsubscribed'], 1],
    [['--since', '2030-01-02T00:00:00Z'], 2],
    [['--since', '2030-01-02T00:00:00Z', '--until', '2030-01-03T00:00:00Z'], 1],
    [['--email', 'nobody@example.com'], 0],
  ]
  for (const [args, count] of filters) {
    expect(JSON.parse((await workerctl('list', ...args, '--json')).out)).toMatchObject({
      suppressions: Array(count).fill(expect.anything()),
    })
  }
})

test('the plan of a removal is shown first, and nothing else is removed', async () => {
  expect(await workerctl('remove', '--email', 'guest@example.com')).toMatchObject({ code: 0, out: expect.stringContaining('add --yes') })
  expect(await workerctl('remove', '--email', 'guest@example.com', '--dry-run')).toMatchObject({
    out: expect.stringContaining('2 of them'),
  })
  expect(await left()).toBe(3)
  const { out } = await workerctl('remove', '--email', 'guest@example.com', '--account', one, '--yes', '--json')
  expect(JSON.parse(out)).toMatchObject({ planned: 1, applied: true, removed: 1 })
  expect(await left()).toBe(2)
  expect(await workerctl('remove', '--email', 'nobody@example.com', '--yes')).toMatchObject({ code: 0, out: 'No suppression matches.' })
})

test('a confirmed removal of what somebody else has removed meanwhile fails', async () => {
  const environment = { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url }
  expect(
    await runWorkerctl(['suppressions', 'remove', '--account', other], environment, async () => {
      await db.sql.query('DELETE FROM worker.suppressions')
      return 'yes'
    }),
  ).toMatchObject({
    code: 1,
    err: 'Nothing was changed: another operator, or a daemon, has changed all that was selected (1 suppression) meanwhile; "suppressions list" shows what was done.',
  })
})

test.each([
  [['remove', '--yes'], /Select the suppressions/],
  [['remove', '--until', '2040-01-01T00:00:00Z', '--limit', '2', '--yes'], /3 suppressions match, more than --limit 2/],
  [['list', '--reason', 'other'], /^There is no reason "other": give bounced or unsubscribed\.$/],
  [['list', '--account', 'x'], /UUID/],
  [['list', '--since', 'yesterday'], /--since "yesterday" is not a time: give a length/],
  [['remove', '--until', '2030-02-30T00:00:00Z', '--yes'], /--until "2030-02-30T00:00:00Z" is not a time: give a length/],
  [['remove', '--since', '2030-01-31T12:00:00', '--yes'], /--since "2030-01-31T12:00:00" is not a time: give a length/],
  [['list', '--email', 'x'], /^--email is not a mail address: .*\.$/],
])('%j is refused with one sentence', async (args, sentence) => {
  expect(await workerctl(...args)).toMatchObject({ code: 1, err: expect.stringMatching(sentence) })
  expect(await left()).toBe(3)
})
