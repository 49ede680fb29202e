import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { BlockedStatement } from '../../../src/admin/lag/lag-ports.ts'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import { createInsideReader } from '../../../src/infra/postgres/admin/postgres-inside-reader.ts'
import { createStatusReader } from '../../../src/infra/postgres/admin/postgres-status-reader.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { eventually } from '../../support/eventually.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

let db: MigratedDatabase
beforeAll(async () => {
  db = await migratedDatabase()
})
afterAll(() => db.close())
beforeEach(() =>
  db.sql.query('TRUNCATE worker.intents, worker.breakers, worker.slow_recalculations, worker.dead_letters, worker.progress CASCADE'),
)

const limits = { due: 5_000, campaigns: 5 }
const group = 'email-workers'
const campaign = (number: number) => `00000000-0000-4000-8000-00000000000${number}`

/** `count` intents of a campaign, due for `dueSeconds`. */
async function intents(
  count: number,
  more: { channel?: string; campaign?: number; dueSeconds?: number; state?: string; reason?: string; destination?: string } = {},
) {
  // prettier-ignore
  const { channel = 'email', campaign: number = 1, dueSeconds = 10, state = 'pending', reason = null, destination = null } = more
  await db.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id, due_at, state, reason, destination)
     SELECT $1, 'welcome', 1, $2, gen_random_uuid()::text, $3, now() - $4 * interval '1 second', $5, $6, $7 FROM generate_series(1, $8)`,
    [group, channel, campaign(number), dueSeconds, state, reason, destination, count],
  )
}

test('the inside of a group has what is due by channel with its largest campaigns, and the age of the oldest', async () => {
  for (const [number, count] of [1, 2, 9, 4, 5, 6, 3].entries()) await intents(count, { campaign: number })
  await intents(1, { campaign: 0, dueSeconds: 600 })
  await intents(2, { channel: 'webhook', campaign: 8 })
  await intents(50, { campaign: 7, dueSeconds: -600 })
  await intents(50, { campaign: 7, state: 'sent' })
  const { due } = await createInsideReader(db.sql, channelNames).inside(group, 'domain-events', limits)
  expect(due).toMatchObject([
    {
      channel: 'email',
      count: 31,
      campaignCount: 7,
      campaigns: [
        { campaignId: campaign(2), count: 9 },
        { campaignId: campaign(5), count: 6 },
        { campaignId: campaign(4), count: 5 },
        { campaignId: campaign(3), count: 4 },
        { campaignId: campaign(6), count: 3 },
      ],
    },
    { channel: 'webhook', count: 2, campaignCount: 1, campaigns: [{ campaignId: campaign(8), count: 2 }] },
  ])
  expect(Math.round((due?.[0]?.oldestMs ?? 0) / 10_000)).toBe(60)
})

test('destinations that are away, slow campaigns and idle partitions are those of the group', async () => {
  await intents(3, { channel: 'webhook', reason: 'endpoint-open', destination: 'w-1', dueSeconds: -60 })
  await db.sql.query(
    `INSERT INTO worker.breakers (channel, destination, reason, open_since, failed_at)
     VALUES ('webhook', 'w-1', 'http-503', now() - interval '1 hour', now()), ('webhook', 'w-2', 'http-500', now(), now()),
            ('webhook', 'w-3', 'forgotten', now() - interval '9 hours', now() - interval '4 hours')`,
  )
  await db.sql.query(
    `INSERT INTO worker.slow_recalculations (campaign_id, group_name, tries, next_try_at) VALUES ($1, $2, 3, now()), ($3, 'another', 1, now())`,
    [campaign(1), group, campaign(2)],
  )
  await db.sql.query(
    `INSERT INTO worker.progress (group_name, topic, partition, next_offset, updated_at) VALUES ($1, 'domain-events', 4, 1, now() - interval '50 seconds')`,
    [group],
  )
  const found = await createInsideReader(db.sql, channelNames).inside(group, 'domain-events', limits)
  expect(found.away).toMatchObject([
    { channel: 'webhook', destination: 'w-1', reason: 'http-503', waiting: 3 },
    { channel: 'webhook', destination: 'w-2', reason: 'http-500', waiting: 0 },
  ])
  expect(found.slow).toMatchObject([{ campaignId: campaign(1), tries: 3 }])
  expect([...found.idleMs].map(([partition, ms]) => [partition, Math.round(ms / 10_000)])).toEqual([[4, 5]])
})

test('endpoints that have been away for longer do not hide the relay', async () => {
  await db.sql.query(
    `INSERT INTO worker.breakers (channel, destination, reason, open_since, failed_at)
     SELECT 'webhook', 'w-' || n, 'http-503', now() - interval '1 hour', now() FROM generate_series(1, 21) AS n
      UNION ALL SELECT 'email', 'relay', 'refused', now(), now()`,
  )
  const { away } = await createInsideReader(db.sql, channelNames).inside(group, 'domain-events', limits)
  expect(away).toHaveLength(21)
  expect(away.at(-1)).toMatchObject({ channel: 'email', destination: 'relay', waiting: 0 })
})

/** By this session since it last reported, which it does between transactions: what came before may be in it. */
async function readSoFar(tx: Sql): Promise<number> {
  const [rows] = await tx.query<{ count: number }>(
    `SELECT (seq_tup_read + idx_tup_fetch)::int AS count FROM pg_stat_xact_user_tables WHERE relname = 'intents'`,
  )
  return rows?.count ?? 0
}

test('the inside of a group costs the same however many intents are due', async () => {
  const read = async () => {
    await db.sql.query('ANALYZE worker.intents')
    return db.transaction(async (tx) => {
      const before = await readSoFar(tx)
      const { due } = await createInsideReader(tx, channelNames).inside(group, 'domain-events', limits)
      return { due: due?.[0]?.count, rows: (await readSoFar(tx)) - before }
    })
  }
  await intents(10_000)
  const few = await read()
  await intents(90_000, { campaign: 2 })
  const many = await read()
  expect([few.due, many.due]).toEqual([limits.due, limits.due])
  expect(few.rows).toBeGreaterThanOrEqual(limits.due)
  // The first page of an index may hold entries of what has ended.
  expect(many.rows).toBeLessThan(limits.due + 1_000)
})

test('the status reader counts dead letters of a day and an hour, held and dead intents and claims that nobody takes back', async () => {
  await db.sql.query(
    `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", reason, at)
     VALUES ($1, 't', 0, 1, 'not-json', now()), ($1, 't', 0, 2, 'not-json', now() - interval '2 hours'),
            ($1, 't', 0, 3, 'not-json', now() - interval '2 days'), ($1, 't', 0, 4, 'too-deep', now() - interval '3 hours')`,
    [group],
  )
  await intents(2, { state: 'held' })
  await intents(3, { state: 'claimed' })
  await db.sql.query(`UPDATE worker.intents SET lease_until = now() - interval '2 minutes' WHERE state = 'claimed'`)
  await intents(4, { state: 'dead' })
  await db.sql.query(`UPDATE worker.intents SET reason = 'no-endpoint', finished_at = now() - interval '23 hours' WHERE state = 'dead'`)
  await intents(1, { state: 'dead' })
  await db.sql.query(`UPDATE worker.intents SET finished_at = now() - interval '25 hours' WHERE state = 'dead' AND reason IS NULL`)
  const reader = createStatusReader(db.sql)
  expect(await reader.deadIntents()).toMatchObject([{ group, reason: 'no-endpoint', count: 4 }])
  expect(await reader.deadLetters(100)).toMatchObject([
    { group, reason: 'not-json', type: null, day: 2, hour: 1 },
    { group, reason: 'too-deep', type: null, day: 1, hour: 0 },
  ])
  expect(await reader.openWork([group, 'another'])).toEqual([
    { group, held: 2, abandoned: 3 },
    { group: 'another', held: 0, abandoned: 0 },
  ])
  expect(await reader.slowSessions()).toEqual([])
})

test('a session that holds locks on our tables is named even while no daemon waits for it, and one that has only read is not', async () => {
  const reader = createInsideReader(db.sql, channelNames)
  await db.sql.query(`INSERT INTO worker.progress (group_name, topic, partition, next_offset) VALUES ($1, 'domain-events', 0, 1)`, [group])
  await db.transaction(async (reading) => {
    await reading.query('SELECT count(*) FROM worker.progress')
    await db.transaction(async (tx) => {
      const [session] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid FROM worker.progress FOR UPDATE')
      await expect
        .poll(() => reader.blocked())
        .toMatchObject([{ pid: null, statement: 'worker.progress', by: { pid: session?.pid, state: 'idle in transaction' } }])
    })
  })
  expect(await reader.blocked()).toEqual([])
})

test('a session that has locked a whole table for a second is named sooner than one that has locked rows', async () => {
  const reader = createInsideReader(db.sql, channelNames)
  await db.transaction(async (rows) => {
    await rows.query(`LOCK TABLE worker.outcomes IN ROW EXCLUSIVE MODE`)
    // If both were named at the same age, this one would be first.
    await rows.query('SELECT pg_sleep(0.5)')
    await db.transaction(async (tx) => {
      const [session] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await tx.query('LOCK TABLE worker.dead_letters IN ACCESS EXCLUSIVE MODE')
      let first: readonly BlockedStatement[] = []
      await eventually('a session is named', async () => {
        first = await reader.blocked()
        return first.length > 0 || 'none is'
      })
      expect(first).toContainEqual(
        expect.objectContaining({ statement: 'worker.dead_letters', by: expect.objectContaining({ pid: session?.pid }) }),
      )
      // A machine that was slow to look may see both: the other is then as old as it has to be.
      expect(first.filter(({ statement, by }) => statement === 'worker.outcomes' && Number(by.forMs) < 5_000)).toEqual([])
    })
  })
})
