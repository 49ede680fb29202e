import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createLeaderboard } from '../../src/leaderboard/postgres-leaderboard.ts'
import type { Sql } from '../../src/std/sql.ts'
import { insertCampaign, insertUser } from '../contract/postgres/platform-rows.ts'
import { startBackfill } from '../support/backfill-process.ts'
import { eventually } from '../support/eventually.ts'
import { startFrozenTransaction } from '../support/frozen-transaction.ts'
import { liveWrites, misplaced } from '../support/live-platform.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { residentMemory } from '../support/resident-memory.ts'
import { createFixture } from '../support/fixture.ts'
import { wrongPositions } from '../support/mixed-events.ts'
import { runWorkerctl } from './workerctl-fixture.ts'

const points = 10

async function closing(): Promise<MigratedDatabase & AsyncDisposable> {
  const database = await migratedDatabase()
  return { ...database, [Symbol.asyncDispose]: () => database.close() }
}

/** A campaign of people whom the platform has had for long, in no order on the disk; returns their ids. */
async function crowd({ sql }: { sql: Sql }, count: number): Promise<{ campaignId: string; users: string[] }> {
  const campaignId = await insertCampaign(sql, { points_per_referral: points })
  const rows = await sql.query<{ id: string }>(
    `INSERT INTO waitlist_users (campaign_id, email, referral_code, status, position, original_position, verified_referral_count)
     SELECT $1, n::text, gen_random_uuid(), CASE WHEN n % 31 = 0 THEN 'blocked' ELSE 'verified' END, n, n, CASE WHEN n % 5 = 0 THEN n % 17 ELSE 0 END
       FROM generate_series(1, $2::int) AS n ORDER BY hashint4(n) RETURNING id`,
    [campaignId, count],
  )
  return { campaignId, users: rows.map(({ id }) => id) }
}

const recalculate = (database: MigratedDatabase, campaignId: string) =>
  database.transaction((tx) => createLeaderboard(database, { history: 'off' }).recalculate(campaignId, tx, false))

async function ranked({ sql }: { sql: Sql }): Promise<number> {
  const [row] = await sql.query<{ count: number }>('SELECT count(*)::int AS count FROM waitlist_users WHERE ranked_score IS NOT NULL')
  return row?.count ?? 0
}

const environment = (database: MigratedDatabase) => ({ KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: database.url })

/** Looks at snapshot after snapshot until `over`; resolves to how many, all of them dense. */
async function watch({ sql }: { sql: Sql }, over: AbortSignal): Promise<number> {
  let snapshots = 0
  for (; !over.aborted; snapshots++) expect(await misplaced(sql)).toBe(0)
  return snapshots
}

test('killed repeatedly, the backfill continues where it stopped, writes no row twice, and ends like a full ranking', async () => {
  await using database = await closing()
  const { campaignId } = await crowd(database, 20_000)
  const versions = () =>
    database.sql.query<{ id: string; xmin: string }>('SELECT id, xmin::text FROM waitlist_users WHERE ranked_score IS NOT NULL ORDER BY id')
  let before: { id: string; xmin: string }[] = []
  for (const kills of [1, 2, 3]) {
    await using backfill = startBackfill(database.url, '--batch', '20')
    await eventually('a thousand more are ranked', async () => {
      const count = await ranked(database)
      return count >= kills * 1_000 || `${count}`
    })
    await backfill.kill()
    expect(await misplaced(database.sql)).toBe(0)
    const now = await versions()
    expect(now.length).toBeLessThan(18_000)
    const still = new Map(now.map(({ id, xmin }) => [id, xmin]))
    expect(before.filter(({ id, xmin }) => still.get(id) !== xmin)).toEqual([])
    before = now
  }
  const rest = startBackfill(database.url, '--batch', '500', '--json')
  const { code, out } = await rest.result
  expect(code).toBe(0)
  const report: { ranked: number; corrected: number } = JSON.parse(out)
  expect(report).toMatchObject({ corrected: 0, done: 1, left: 0 })
  // Statements of the killed processes may have been committed after the count.
  expect(report.ranked).toBeLessThanOrEqual((await ranked(database)) - before.length)
  const after = new Map((await versions()).map(({ id, xmin }) => [id, xmin]))
  expect(before.filter(({ id, xmin }) => after.get(id) !== xmin)).toEqual([])
  expect(await wrongPositions(database, points)).toEqual([])
  expect(await recalculate(database, campaignId)).toMatchObject({ because: null, rowsChanged: 0 })
})

test('while the platform writes, ranks are dense in every snapshot and finally follow the rule; the waiting time of its writes is reported', async () => {
  await using database = await closing()
  const { campaignId, users } = await crowd(database, 6_000)
  const [early, over] = [new AbortController(), new AbortController()]
  const write = (seed: number, until: AbortSignal) => liveWrites(database.sql, { campaignId, users, hardDeletes: false, seed }, until)
  const watching = watch(database, over.signal)
  const during = [write(1, early.signal), write(2, early.signal)]
  await using backfill = startBackfill(database.url, '--batch', '200', '--json')
  await eventually('most batches are done', async () => (await ranked(database)) > 4_500 || 'not yet').finally(() => early.abort())
  const atTheEnd = write(3, over.signal)
  const { code, out } = await backfill.result.finally(() => over.abort())
  const [batches, end, snapshots] = [await Promise.all(during), await atTheEnd, await watching]
  console.log(
    `6,000 ranked beside two writers: ${out.trim()}; ${snapshots} snapshots; writes during batches ${JSON.stringify(batches)}, during the last and the recalculation ${JSON.stringify(end)}`,
  )
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ done: 1, left: 0 })
  for (const one of batches) expect(Math.min(one.joins, one.referrals, one.blocks)).toBeGreaterThan(0)
  expect(snapshots).toBeGreaterThan(10)
  await recalculate(database, campaignId)
  expect(await misplaced(database.sql)).toBe(0)
  expect(await wrongPositions(database, points)).toEqual([])
})

test('while the platform deletes rows physically, no gap remains', async () => {
  await using database = await closing()
  const { campaignId, users } = await crowd(database, 4_000)
  const [deleted, over] = [new AbortController(), new AbortController()]
  const writers = [
    liveWrites(database.sql, { campaignId, users, hardDeletes: true, seed: 3 }, deleted.signal),
    liveWrites(database.sql, { campaignId, users: [...users], hardDeletes: false, seed: 4 }, over.signal),
  ]
  const backfill = startBackfill(database.url, '--batch', '50', '--json')
  // Rows deleted after the last pass of the backfill are found by the audit, not by this test.
  await eventually('some are ranked', async () => {
    const count = await ranked(database)
    return count > 1_200 || `${count}`
  }).finally(() => deleted.abort())
  const { code, out } = await backfill.result.finally(() => over.abort())
  const writes = await Promise.all(writers)
  console.log(`4,000 ranked while some are deleted: ${out.trim()}; ${JSON.stringify(writes)}`)
  expect(code).toBe(0)
  expect(writes[0]?.deletes).toBeGreaterThan(0)
  expect(JSON.parse(out)).toMatchObject({ campaigns: [{ outcome: 'done', whole: true }] })
  await recalculate(database, campaignId)
  expect(await misplaced(database.sql)).toBe(0)
  expect(await wrongPositions(database, points)).toEqual([])
})

test('beside concurrent recalculations each campaign is ranked by the first to take its lock, one at a time', async () => {
  await using database = await closing()
  const campaigns = [await crowd(database, 2_000), await crowd(database, 2_000), await crowd(database, 2_000)]
  const over = new AbortController()
  const ends = new Map<string, number>()
  const racer = async () => {
    while (!over.signal.aborted) {
      // As a daemon, which looks for the first time when the backfill is at its second campaign.
      if ((await ranked(database)) < 2_500) continue
      for (const { campaignId } of campaigns.toReversed()) {
        const done = await recalculate(database, campaignId)
        const end = done.is === 'locked' ? 'locked' : (done.because ?? 'windowed')
        ends.set(end, (ends.get(end) ?? 0) + 1)
      }
    }
  }
  const others = Promise.all([racer(), racer(), watch(database, over.signal)])
  const backfills = [startBackfill(database.url, '--batch', '50', '--json'), startBackfill(database.url, '--batch', '50', '--json')]
  const ended = await Promise.all(backfills.map(({ result }) => result)).finally(() => over.abort())
  await others
  console.log(`two backfills, two who recalculate: ${ended.map(({ out }) => out.trim()).join(' ')}; ${JSON.stringify([...ends])}`)
  expect(ended.map(({ code }) => code)).toEqual([0, 0])
  expect(ends.get('locked')).toBeGreaterThan(0)
  expect(await wrongPositions(database, points)).toEqual([])
})

test('a campaign locked by a frozen process is waited for and reported, and delays no other', async () => {
  await using database = await closing()
  const made = [await crowd(database, 50), await crowd(database, 50)]
  // Its turn comes first.
  const [held, free] = made.toSorted((a, b) => (a.campaignId < b.campaignId ? -1 : 1))
  if (held === undefined || free === undefined) throw new Error('two were made')
  const lock = `SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || '${held.campaignId}', 0))`
  await using backfill = await (async () => {
    await using _ = await startFrozenTransaction(database.url, lock)
    const started = startBackfill(database.url)
    await eventually('the other one is ranked, and free again', async () => {
      const rows = await database.sql.query('SELECT FROM worker.recalculations WHERE campaign_id = $1', [free.campaignId])
      return (rows.length === 1 && (await recalculate(database, free.campaignId)).is === 'done') || 'not yet'
    })
    expect(await ranked(database)).toBe(49)
    return started
  })()
  expect(await backfill.result).toEqual({
    code: 0,
    out: expect.stringMatching(/^Done: 98 participants of 2 campaigns ranked in [\d.]+ s\.\n$/),
    err: `campaign ${held.campaignId}: another session ranks it, trying again after the others\n`,
  })
  expect(await wrongPositions(database, points)).toEqual([])
})

test('a frozen backfill holds no row lock, delays no other campaign, and continues when it resumes', async () => {
  await using database = await closing()
  const [{ campaignId }, other] = [await crowd(database, 3_000), await crowd(database, 10)]
  await using backfill = startBackfill(database.url, '--campaign', campaignId, '--batch', '50')
  await eventually('some are ranked', async () => (await ranked(database)) > 200 || 'not yet')
  process.kill(backfill.pid, 'SIGSTOP')
  try {
    // The server finishes a running statement even if no client waits for its result.
    await eventually('no row is locked', async () => {
      const rows = await database.sql.query('SELECT FROM waitlist_users FOR UPDATE SKIP LOCKED')
      return rows.length === 3_010 || `${3_010 - rows.length} are`
    })
    expect(await misplaced(database.sql)).toBe(0)
    expect(await recalculate(database, campaignId)).toEqual({ is: 'locked' })
    expect(await recalculate(database, other.campaignId)).toMatchObject({ is: 'done' })
  } finally {
    process.kill(backfill.pid, 'SIGCONT')
  }
  expect(await backfill.result).toMatchObject({ code: 0, err: '' })
  expect(await wrongPositions(database, points)).toEqual([])
})

test('a daemon leaves the campaign to the backfill, recalculates others meanwhile, and then the participants that changed', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const { sql } = fixture
  const { campaignId, users } = await crowd(fixture, 3_000)
  await using backfill = startBackfill(fixture.databaseUrl, '--campaign', campaignId, '--batch', '50', '--json')
  await eventually('some are ranked', async () => (await ranked(fixture)) > 10 || 'not yet')
  const over = new AbortController()
  const writing = liveWrites(sql, { campaignId, users, hardDeletes: false, seed: 5 }, over.signal)
  // However long the daemon takes to come up.
  process.kill(backfill.pid, 'SIGSTOP')
  try {
    fixture.daemon({ KAFKA_GROUPS: 'position-workers', LEADERBOARD_SWEEP_MS: '100' })
    await eventually('the daemon waits for the lock', async () => {
      const rows = await sql.query(`SELECT FROM worker.intents WHERE campaign_id = $1 AND reason = 'campaign-locked'`, [campaignId])
      return rows.length === 1 || 'not yet'
    })
    const other = await crowd(fixture, 300)
    await eventually('the daemon has ranked another one', async () => {
      const rows = await sql.query('SELECT FROM worker.recalculations WHERE campaign_id = $1', [other.campaignId])
      return rows.length === 1 || 'not yet'
    })
    expect(await sql.query('SELECT FROM worker.recalculations WHERE campaign_id = $1', [campaignId])).toEqual([])
  } finally {
    process.kill(backfill.pid, 'SIGCONT')
  }
  const { code, out } = await backfill.result.finally(() => over.abort())
  console.log(`beside a daemon: ${out.trim()}; ${JSON.stringify(await writing)}`)
  expect(code).toBe(0)
  await eventually('all are right', async () => {
    const wrong = await wrongPositions(fixture, points)
    return wrong.length === 0 || `${wrong.length} are not`
  })
  expect(await misplaced(sql)).toBe(0)
})

test('the memory for 100,000 participants is bounded by a batch', async () => {
  await using database = await closing()
  await crowd(database, 100_000)
  const backfill = startBackfill(database.url, '--json')
  const seen: string[] = []
  for (const share of [0.02, 0.3, 0.6]) {
    await eventually(`${share} of them are ranked`, async () => {
      const count = await ranked(database)
      return count >= share * 96_000 || `${count}`
    })
    const { now, most } = await residentMemory(backfill.pid)
    seen.push(`${share * 100} %: ${Math.round(now)} MB, ${Math.round(most)} MB at most`)
  }
  const { code, out } = await backfill.result
  console.log(`100,000 participants: ${seen.join('; ')}; ${out.trim()}`)
  expect(code).toBe(0)
  expect(await wrongPositions(database, points)).toEqual([])
})

test('the backfill reports its work, skips campaigns ranked with other points, and refuses invalid options', async () => {
  await using database = await closing()
  const { campaignId } = await crowd(database, 62)
  const workerctl = (...args: string[]) => runWorkerctl(['leaderboard', 'backfill', ...args], environment(database))
  expect(await workerctl('--campaign', 'that one')).toMatchObject({ code: 1, err: expect.stringMatching(/^--campaign must be a UUID/) })
  const nowhere = randomUUID()
  expect(await workerctl('--campaign', nowhere)).toMatchObject({
    code: 1,
    out: '',
    err: `There is no campaign ${nowhere} in this database, or it is deleted: give an id of the table campaigns.`,
  })
  expect((await workerctl('--batch', '0')).err).toContain('Give a whole number from 1 to 100000.')
  expect(await workerctl('--campaign', campaignId)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^Done: 60 participants of 1 campaign ranked in [\d.]+ s\.$/),
    err: '',
  })
  expect(await workerctl()).toEqual({ code: 0, out: 'Nothing to do: every participant has a rank.', err: '' })
  await insertUser(database.sql, campaignId, { original_position: 63 })
  await database.sql.query(`UPDATE campaigns SET referral_config = '{}'`)
  const { code, out, err } = await workerctl('--json')
  expect({ code, report: JSON.parse(out) }).toMatchObject({
    code: 0,
    report: { ranked: 0, left: 1, campaigns: [{ campaign: campaignId, outcome: 'other-points', rankedWith: 10, points: 1 }] },
  })
  expect(err).toContain('left to a daemon')
})
