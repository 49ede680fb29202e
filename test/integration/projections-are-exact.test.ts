import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Group } from '../../src/daemon/compose/groups.ts'
import { createAcceptStore } from '../../src/infra/postgres/ingest/postgres-accept-store.ts'
import type { ProjectingConsumer } from '../../src/model/consumer.ts'
import { sqlArray } from '../../src/std/sql-array.ts'
import { eventually } from '../support/eventually.ts'
import { groupFixture } from '../support/group-fixture.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'

const PARTITIONS = 4
const EVENTS = 200
let database: MigratedDatabase

beforeAll(async () => {
  database = await migratedDatabase()
  await database.sql.query('CREATE SCHEMA tally')
  await database.sql.query("CREATE TABLE tally.people (name text PRIMARY KEY, seen bigint NOT NULL CHECK (name <> 'refused'))")
})
beforeEach(() => database.sql.query('TRUNCATE tally.people'))
afterAll(() => database.close())

const fixtureOf = () => groupFixture({ acceptStore: createAcceptStore(database), partitions: PARTITIONS })

/** Counts sign-ups by the name in the address, on rows that all partitions share; `fails` is the bug in its code. */
function tally(fails: (name: string) => boolean = () => false): ProjectingConsumer {
  return {
    name: 'tally-workers',
    types: ['user.signed_up'],
    tables: { schema: 'tally', migrations: '', needs: {} },
    async project(events, tx) {
      const seen = new Map<string, number>()
      for (const event of events) {
        const name = event.type === 'user.signed_up' ? (event.data.email.split('@')[0] ?? '') : ''
        if (fails(name)) throw new TypeError('a bug')
        seen.set(name, (seen.get(name) ?? 0) + 1)
      }
      await tx.query(
        `INSERT INTO tally.people AS p (name, seen) SELECT * FROM unnest($1::text[], $2::bigint[]) AS n (name, seen) ORDER BY name
         ON CONFLICT (name) DO UPDATE SET seen = p.seen + excluded.seen`,
        [sqlArray([...seen], ([name]) => name), sqlArray([...seen], ([, count]) => count)],
      )
    },
  }
}

const signUps = (names: readonly string[]) =>
  names.map((name) => ({
    type: 'user.signed_up' as const,
    accountId: randomUUID(),
    campaignId: randomUUID(),
    userId: randomUUID(),
    email: `${name}@example.com`,
  }))

async function seen(): Promise<Record<string, number>> {
  const rows = await database.sql.query<{ name: string; seen: string }>('SELECT name, seen FROM tally.people')
  return Object.fromEntries(rows.map((row) => [row.name, Number(row.seen)]))
}

async function outcomes({ id }: Group): Promise<Record<string, number>> {
  const rows = await database.sql.query<{ outcome: string; count: number }>(
    'SELECT outcome, count(*)::int AS count FROM worker.outcomes WHERE group_name = $1 GROUP BY 1',
    [id],
  )
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]))
}

const accepted = (group: Group, count: number) =>
  eventually('all of them are accepted', async () => {
    const now = await outcomes(group)
    return now['accepted'] === count || JSON.stringify(now)
  })

test('events of all partitions are counted once, on shared rows; only the two poison events are given up', async () => {
  await using fixture = await fixtureOf()
  const running = await fixture.start(tally((name) => name === 'broken'))
  const names = Array.from({ length: EVENTS }, (_, index) => (index % 2 === 0 ? 'anna' : 'ben'))
  await fixture.publisher.publishMany(signUps([...names.slice(0, 50), 'refused', ...names.slice(50, 120), 'broken', ...names.slice(120)]))
  await accepted(running.group, EVENTS)
  await eventually('both are given up', async () => (await outcomes(running.group))['dead-letter'] === 2 || 'not yet')
  expect(await seen()).toEqual({ anna: EVENTS / 2, ben: EVENTS / 2 })
  const letters = await database.sql.query<{ reason: string }>('SELECT reason FROM worker.dead_letters WHERE group_name = $1 ORDER BY 1', [
    running.group.id,
  ])
  expect(letters.map(({ reason }) => reason)).toEqual(['consumer-error', 'database-rejected'])
})

test('a projection that swallows an error of the database loses nothing: the event is given up, the others are counted', async () => {
  await using fixture = await fixtureOf()
  const strict = tally()
  const careless: ProjectingConsumer = { ...strict, project: (events, tx) => strict.project(events, tx).catch(() => undefined) }
  const running = await fixture.start(careless)
  await fixture.publisher.publishMany(signUps(['anna', 'refused', 'anna']))
  await accepted(running.group, 2)
  expect(await seen()).toEqual({ anna: 2 })
})

test.each([
  [
    'does not wait for a statement',
    (strict: ProjectingConsumer): ProjectingConsumer['project'] =>
      (events, tx) => {
        void strict.project(events, tx).catch(() => undefined)
        return Promise.resolve()
      },
  ],
  [
    'is refused by a constraint that is checked at the end',
    (strict: ProjectingConsumer): ProjectingConsumer['project'] =>
      async (events, tx) => {
        await strict.project(
          events.filter(({ type, data }) => !(type === 'user.signed_up' && data.email.startsWith('refused'))),
          tx,
        )
        await tx.query('INSERT INTO tally.once SELECT * FROM unnest($1::text[])', [
          sqlArray(events, (event) => (event.type === 'user.signed_up' && event.data.email.startsWith('refused') ? 'taken' : event.id)),
        ])
      },
  ],
  [
    'throws before it returns a promise',
    (strict: ProjectingConsumer): ProjectingConsumer['project'] =>
      (events, tx) => {
        if (events.some(({ type, data }) => type === 'user.signed_up' && data.email.startsWith('refused'))) throw new TypeError('a bug')
        return strict.project(events, tx)
      },
  ],
])('a projection that %s: the event is given up, the others are counted', async (_, projectOf) => {
  await using fixture = await fixtureOf()
  await database.sql.query('DROP TABLE IF EXISTS tally.once')
  await database.sql.query('CREATE TABLE tally.once (name text UNIQUE DEFERRABLE INITIALLY DEFERRED)')
  await database.sql.query("INSERT INTO tally.once VALUES ('taken')")
  const strict = tally()
  const running = await fixture.start({ ...strict, project: projectOf(strict) })
  await fixture.publisher.publishMany(signUps(['anna', 'refused', 'anna']))
  await accepted(running.group, 2)
  await eventually('it is given up', async () => (await outcomes(running.group))['dead-letter'] === 1 || 'not yet')
  expect(await seen()).toEqual({ anna: 2 })
})

test('a replay of the whole topic changes nothing, and a database that was restored to an earlier state becomes exact again', async () => {
  await using fixture = await fixtureOf()
  const first = await fixture.start(tally())
  await fixture.publisher.publishMany(signUps(Array.from({ length: 60 }, () => 'anna')))
  await accepted(first.group, 60)
  await first.stop()
  const tables = ['tally.people', 'worker.outcomes', 'worker.progress'] as const
  for (const table of tables)
    await database.sql.query(`CREATE TABLE IF NOT EXISTS tally.copy_of_${table.replace('.', '_')} AS SELECT * FROM ${table}`)

  await database.sql.query('UPDATE worker.progress SET next_offset = 0 WHERE group_name = $1', [first.group.id])
  const again = await fixture.start(tally())
  await fixture.publisher.publishMany(signUps(Array.from({ length: 40 }, () => 'anna')))
  await accepted(again.group, 100)
  expect(await seen()).toEqual({ anna: 100 })
  await again.stop()

  // As of before the last forty; Kafka's committed offsets stay where they are.
  await database.transaction(async (tx) => {
    for (const table of tables) {
      await tx.query(`DELETE FROM ${table}`)
      await tx.query(`INSERT INTO ${table} SELECT * FROM tally.copy_of_${table.replace('.', '_')}`)
    }
  })
  expect(await seen()).toEqual({ anna: 60 })
  const restored = await fixture.start(tally())
  await accepted(restored.group, 100)
  expect(await seen()).toEqual({ anna: 100 })
})

test('a bad deploy: after the fifth failure the group waits and gives up nothing more; once its code works again, events are counted', async () => {
  await using fixture = await fixtureOf()
  let isBad = true
  const running = await fixture.start(tally(() => isBad))
  await fixture.publisher.publishMany(signUps(Array.from({ length: EVENTS }, () => 'anna')))
  const { group } = running
  await eventually('the group pauses', () => group.worker.status().state === 'waiting' || group.worker.status().state)
  expect(group.worker.status().reason).toMatch(/^5 events failed within 60 s with the same error .*TypeError/)
  isBad = false
  await accepted(group, EVENTS - 5)
  expect(await outcomes(group)).toEqual({ 'dead-letter': 5, accepted: EVENTS - 5 })
  expect(await seen()).toEqual({ anna: EVENTS - 5 })
})
