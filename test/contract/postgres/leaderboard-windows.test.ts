import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LeaderboardHistory, Recalculated } from '../../../src/leaderboard/leaderboard.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import { SqlError, type Sql } from '../../../src/std/sql.ts'
import { untilSomebodyWaits } from './lock-wait.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUser, insertUsers } from './platform-rows.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, worker.recalculations, worker.position_changes, campaigns CASCADE'))

const recalculate = (campaignId: string, history: LeaderboardHistory = 'top'): Promise<Recalculated> =>
  database.transaction((tx) => createLeaderboard(database, { history }).recalculate(campaignId, tx, false))
const refer = (id: string, count: number) =>
  database.sql.query('UPDATE waitlist_users SET verified_referral_count = $2 WHERE id = $1', [id, count])
const positions = async (ids: readonly string[]) => {
  const rows = await database.sql.query<{ id: string; position: number }>('SELECT id, position FROM waitlist_users')
  return ids.map((id) => rows.find((row) => row.id === id)?.position)
}

/** Ranked, one behind the other; with three points per referral. */
async function ranked(count: number): Promise<{ campaignId: string; ids: string[] }> {
  const campaignId = await insertCampaign(database.sql, { points_per_referral: 3 })
  const ids = await insertUsers(database.sql, campaignId, count)
  expect(await recalculate(campaignId)).toMatchObject({ because: 'first', rowsChanged: count })
  return { campaignId, ids }
}

/**
 * Of eight, the fourth is changed as nobody should, and the sixth gets a referral: what the run says, and positions in the order of the
 * rule.
 */
async function afterSurprise(change: string): Promise<{ because: unknown; positions: readonly number[] }> {
  const { campaignId, ids } = await ranked(8)
  await database.sql.query(change, [ids[3]])
  await refer(ids[5] ?? '', 1)
  const result = await recalculate(campaignId)
  const rows = await database.sql.query<{ position: number }>(
    'SELECT position FROM waitlist_users ORDER BY original_position - 3 * verified_referral_count, created_at, id',
  )
  return { because: result.is === 'done' && result.because, positions: rows.map(({ position }) => position) }
}

/** What is remembered, run by run. */
function history(): Promise<{ from_position: number | null; to_position: number | null }[]> {
  return database.sql.query(
    'SELECT from_position, to_position FROM worker.position_changes ORDER BY at, from_position NULLS LAST, to_position',
  )
}

/** Scans of the whole table and rows fetched by indexes, by this session since it last reported. */
async function readSoFar(tx: Sql): Promise<{ seq: number; fetched: number }> {
  const [row] = await tx.query<{ seq: number; fetched: number }>(
    `SELECT seq_scan::int AS seq, idx_tup_fetch::int AS fetched FROM pg_stat_xact_user_tables WHERE relname = 'waitlist_users'`,
  )
  if (row === undefined) throw new Error('there is no such table')
  return row
}

describe('a recalculation', () => {
  it('writes the window between the old and the new position and no row outside it', async () => {
    const { campaignId, ids } = await ranked(10)
    const versions = async () => {
      const rows = await database.sql.query<{ id: string; xmin: string }>('SELECT id, xmin::text FROM waitlist_users')
      return ids.map((id) => rows.find((row) => row.id === id)?.xmin)
    }
    await refer(ids[6] ?? '', 1)
    const before = await versions()
    // From score 7 to 4: behind the participant who has 4 and is older by id or time, before 5 and 6.
    expect(await recalculate(campaignId)).toMatchObject({ because: null, rowsChanged: 3 })
    const after = await versions()
    expect(ids.flatMap((_, index) => (before[index] === after[index] ? [] : [index + 1]))).toEqual([5, 6, 7])
    expect(await positions(ids)).toEqual([1, 2, 3, 4, 6, 7, 5, 8, 9, 10])
    expect(await database.sql.query('SELECT mode, rows_changed FROM worker.recalculations')).toEqual([
      { mode: 'windowed', rows_changed: 3 },
    ])
  })

  it('moves all participants after one who joined or left, whatever happens before them', async () => {
    const { campaignId, ids } = await ranked(8)
    await database.sql.query(`UPDATE waitlist_users SET status = 'blocked' WHERE id = $1`, [ids[2]])
    const joined = await insertUser(database.sql, campaignId, { original_position: 6, created_at: new Date(0) })
    await refer(ids[1] ?? '', 4)
    expect(await recalculate(campaignId)).toMatchObject({ because: null })
    expect(await positions([...ids, joined])).toEqual([2, 1, 3, 3, 4, 6, 7, 8, 5])
  })

  it('ranks the whole campaign after its points changed', async () => {
    const { campaignId, ids } = await ranked(4)
    await refer(ids[3] ?? '', 1)
    await database.sql.query(`UPDATE campaigns SET referral_config = '{"points_per_referral": 1}' WHERE id = $1`, [campaignId])
    expect(await recalculate(campaignId)).toMatchObject({ because: 'points', rowsChanged: 4 })
    expect(await recalculate(campaignId)).toMatchObject({ because: null, rowsChanged: 0 })
  })

  const surprised = { because: 'unsure', positions: [1, 2, 3, 4, 5, 6, 7, 8] }

  it('ranks the whole campaign when it finds a position written by another program', async () => {
    expect(await afterSurprise('UPDATE waitlist_users SET position = 1 WHERE id = $1')).toEqual(surprised)
  })

  it('ranks the whole campaign when it finds the gap of a hard-deleted participant', async () => {
    const seven = { ...surprised, positions: surprised.positions.slice(0, 7) }
    expect(await afterSurprise('DELETE FROM waitlist_users WHERE id = $1')).toEqual(seven)
  })

  it('ranks the whole campaign when it finds an edited time', async () => {
    const change = `UPDATE waitlist_users SET original_position = 3, ranked_score = 3, created_at = '2000-01-01' WHERE id = $1`
    expect(await afterSurprise(change)).toEqual(surprised)
  })

  it('leaves no gap when a participant is hard-deleted during it', async () => {
    const { campaignId, ids } = await ranked(8)
    await refer(ids[5] ?? '', 1)
    let running: Promise<Recalculated> | undefined
    await database.transaction(async (tx) => {
      await tx.query('DELETE FROM waitlist_users WHERE id = $1', [ids[4]])
      running = recalculate(campaignId)
      await untilSomebodyWaits(database.sql)
    })
    expect(await running).toMatchObject({ is: 'done', because: 'unsure' })
    expect(await positions(ids.toSpliced(4, 1))).toEqual([1, 2, 3, 5, 4, 6, 7])
  })

  it('reads only along indexes, on a table that was never analysed and after plans for small campaigns', async () => {
    const small = await ranked(3)
    const campaignId = await insertCampaign(database.sql, { points_per_referral: 10 })
    await database.sql.query('ALTER TABLE waitlist_users SET (autovacuum_enabled = off)')
    await database.sql.query(
      `INSERT INTO waitlist_users (id, campaign_id, email, referral_code, status, position, original_position, created_at)
       SELECT id, $1, id || '@example.com', id::text, 'verified', place, place, to_timestamp(place) FROM (SELECT gen_random_uuid() AS id, place FROM generate_series(1, 5000) AS place) AS one`,
      [campaignId],
    )
    await recalculate(campaignId)
    const { ids } = small
    for (let run = 0; run < 8; run++) {
      await refer(ids[run % 3] ?? '', run + 1)
      await recalculate(small.campaignId)
    }
    await database.sql.query('UPDATE waitlist_users SET verified_referral_count = 1 WHERE campaign_id = $1 AND original_position = 2500', [
      campaignId,
    ])
    const read = await database.transaction(async (tx) => {
      const before = await readSoFar(tx)
      const result = await createLeaderboard(database, { history: 'top' }).recalculate(campaignId, tx, false)
      expect(result).toMatchObject({ because: null, rowsChanged: 10 })
      const after = await readSoFar(tx)
      return { seq: after.seq - before.seq, fetched: after.fetched - before.fetched }
    })
    expect(read.seq).toBe(0)
    expect(read.fetched).toBeLessThan(60)
  })

  it('reports to its caller that it lost a deadlock with the platform, with nothing written', async () => {
    const { campaignId, ids } = await ranked(6)
    await refer(ids[5] ?? '', 1)
    const [first, second] = await database.sql.query<{ id: string }>('SELECT id FROM waitlist_users WHERE position IN (4, 5) ORDER BY ctid')
    let running: Promise<unknown> | undefined
    await database.transaction(async (tx) => {
      // The first session to wait is the first to look for a deadlock: time enough to close the cycle, and less than the lock timeout.
      await tx.query(`SET LOCAL deadlock_timeout = '60s'`)
      await tx.query('SELECT FROM waitlist_users WHERE id = $1 FOR UPDATE', [second?.id])
      running = database
        .transaction(async (other) => {
          await other.query(`SET LOCAL deadlock_timeout = '300ms'`)
          return createLeaderboard(database, { history: 'top' }).recalculate(campaignId, other, false)
        })
        .catch((error: unknown) => error)
      await untilSomebodyWaits(database.sql)
      await tx.query('UPDATE waitlist_users SET updated_at = now() WHERE id = $1', [first?.id])
    })
    const error = await running
    expect(error).toBeInstanceOf(SqlError)
    expect(error).toMatchObject({ state: '40P01' })
    expect(await database.sql.query('SELECT mode FROM worker.recalculations')).toEqual([{ mode: 'full' }])
    expect(await recalculate(campaignId)).toMatchObject({ because: null, rowsChanged: 3 })
  })
})

describe('the history', () => {
  it('contains the largest hundred movements of a run, people with changes of their own first', async () => {
    const { campaignId, ids } = await ranked(300)
    await database.sql.query('TRUNCATE worker.position_changes')
    await refer(ids[250] ?? '', 80)
    expect(await recalculate(campaignId)).toMatchObject({ rowsChanged: 240 })
    const rows = await history()
    expect(rows).toHaveLength(100)
    expect(rows).toContainEqual({ from_position: 251, to_position: 12 })
    const stored = await database.sql.query(
      `SELECT c.user_id, c.at = r.began_at AS "ofThisRun", c.since < c.at AS "afterAnother", c.from_score, c.to_score
         FROM worker.position_changes AS c JOIN worker.recalculations AS r USING (campaign_id) WHERE from_position = 251`,
    )
    expect(stored).toEqual([{ user_id: ids[250], ofThisRun: true, afterAnother: true, from_score: '251', to_score: '11' }])
  })

  it('has no old position for people who join, and no new one for people who leave', async () => {
    const { campaignId, ids } = await ranked(3)
    await database.sql.query('TRUNCATE worker.position_changes')
    await database.sql.query(`UPDATE waitlist_users SET status = 'removed' WHERE id = $1`, [ids[1]])
    await insertUser(database.sql, campaignId, { original_position: 9 })
    await recalculate(campaignId)
    expect(await history()).toEqual([
      { from_position: 2, to_position: null },
      { from_position: 3, to_position: 2 },
      { from_position: null, to_position: 3 },
    ])
  })

  it('is complete or empty if configured so', async () => {
    const { campaignId, ids } = await ranked(300)
    await database.sql.query('TRUNCATE worker.position_changes')
    await refer(ids[250] ?? '', 80)
    await recalculate(campaignId, 'all')
    expect(await history()).toHaveLength(240)
    await refer(ids[250] ?? '', 0)
    await recalculate(campaignId, 'off')
    expect(await history()).toHaveLength(240)
  })

  it('is rolled back with its run', async () => {
    const { campaignId, ids } = await ranked(3)
    await database.sql.query('TRUNCATE worker.position_changes')
    await refer(ids[2] ?? '', 1)
    const undone = database.transaction(async (tx) => {
      await createLeaderboard(database, { history: 'all' }).recalculate(campaignId, tx, false)
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(await history()).toEqual([])
  })
})
