import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Leaderboard, Recalculated } from '../../../src/leaderboard/leaderboard.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { untilSomebodyWaits } from './lock-wait.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUser, insertUsers } from './platform-rows.ts'
import { pick, seeded } from './rank-reference-model.ts'

let database: MigratedDatabase
let leaderboard: Leaderboard
beforeAll(async () => {
  database = await migratedDatabase()
  leaderboard = createLeaderboard(database, { history: 'top' })
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, worker.recalculations, campaigns CASCADE'))

const recalculate = (campaignId: string): Promise<Recalculated> =>
  database.transaction((tx) => leaderboard.recalculate(campaignId, tx, false))

/** How many ranked rows do not stand where the stored scores put them, in one snapshot. */
async function misplaced(campaignId: string): Promise<number> {
  const rows = await database.sql.query(
    `SELECT FROM (SELECT position, row_number() OVER (ORDER BY ranked_score, created_at, id) AS place
                    FROM waitlist_users WHERE campaign_id = $1 AND ranked_score IS NOT NULL) AS ranked
      WHERE position <> place`,
    [campaignId],
  )
  return rows.length
}

describe('recalculate', () => {
  it('is blocked by the owner of the lock of its campaign only', async () => {
    const [held, free] = [await insertCampaign(database.sql), await insertCampaign(database.sql)]
    await insertUsers(database.sql, held, 2)
    await insertUsers(database.sql, free, 2)
    await database.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || $1::text, 0))`, [held])
      expect(await recalculate(held)).toEqual({ is: 'locked' })
      expect(await recalculate(held.toUpperCase())).toEqual({ is: 'locked' })
      expect(await recalculate(free)).toMatchObject({ is: 'done', because: 'first', rowsChanged: 2 })
    })
    expect(await recalculate(held)).toMatchObject({ is: 'done', rowsChanged: 2 })
  })

  it('leaves nothing behind when its transaction rolls back', async () => {
    const campaignId = await insertCampaign(database.sql)
    await insertUsers(database.sql, campaignId, 3)
    const before = await database.sql.query('SELECT * FROM waitlist_users ORDER BY id')
    const undone = database.transaction(async (tx) => {
      expect(await leaderboard.recalculate(campaignId, tx, false)).toMatchObject({ is: 'done', rowsChanged: 3 })
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    expect(await database.sql.query('SELECT * FROM waitlist_users ORDER BY id')).toEqual(before)
    expect(await database.sql.query('SELECT * FROM worker.recalculations')).toEqual([])
  })

  it('records when it started to read and what it did', async () => {
    const campaignId = await insertCampaign(database.sql)
    await insertUsers(database.sql, campaignId, 3)
    const records = () => database.sql.query(`SELECT *, began_at <= committed_at AS ordered FROM worker.recalculations`)
    await recalculate(campaignId)
    expect(await records()).toMatchObject([{ campaign_id: campaignId, rows_changed: 3, ordered: true }])
    await database.transaction(async (tx) => {
      const [{ now } = { now: '' }] = await tx.query<{ now: string }>('SELECT clock_timestamp()::text AS now')
      await leaderboard.recalculate(campaignId, tx, false)
      expect(await tx.query('SELECT rows_changed, began_at > $1::timestamptz AS after FROM worker.recalculations', [now])).toEqual([
        { rows_changed: 0, after: true },
      ])
    })
  })

  it('sets its timeouts for its own transaction only', async () => {
    const campaignId = await insertCampaign(database.sql)
    const settings = `SELECT current_setting('jit') AS jit, current_setting('lock_timeout') AS lock, (SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout') AS statement`
    const before = await database.sql.query(settings)
    await database.transaction(async (tx) => {
      await tx.query(`SET LOCAL lock_timeout = '1s'`)
      await leaderboard.recalculate(campaignId, tx, false, 3_600_000)
      // The rest of the deadline once all are ranked.
      const [patient] = await tx.query<{ statement: number }>(settings)
      expect(patient).toEqual({ jit: 'off', lock: '500ms', statement: expect.any(Number) })
      expect(patient?.statement).toBeGreaterThan(1_800_000)
      expect(patient?.statement).toBeLessThanOrEqual(3_600_000)
    })
    expect(await database.sql.query(settings)).toEqual(before)
  })

  it('rejects a transaction whose statements all read one snapshot', async () => {
    const campaignId = await insertCampaign(database.sql)
    const stale = database.transaction(async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
      return leaderboard.recalculate(campaignId, tx, false)
    })
    await expect(stale).rejects.toThrow('read committed')
  })

  it('stores the score that it read, not that of a row that the platform changes meanwhile', async () => {
    const campaignId = await insertCampaign(database.sql)
    const [first = '', second = ''] = await insertUsers(database.sql, campaignId, 2)
    let running: Promise<Recalculated> | undefined
    await database.transaction(async (tx) => {
      await tx.query('UPDATE waitlist_users SET verified_referral_count = 5 WHERE id = $1', [second])
      running = recalculate(campaignId)
      await untilSomebodyWaits(database.sql)
    })
    expect(await running).toMatchObject({ is: 'done', rowsChanged: 2 })
    const ranks = () =>
      database.sql.query('SELECT id, position, ranked_score FROM waitlist_users WHERE campaign_id = $1 ORDER BY position', [campaignId])
    expect(await ranks()).toEqual([
      { id: first, position: 1, ranked_score: '1' },
      { id: second, position: 2, ranked_score: '2' },
    ])
    // The difference shows, so the sweep finds it.
    expect(await leaderboard.sweep('rankers')).toBe(1)
    await recalculate(campaignId)
    expect(await ranks()).toEqual([
      { id: second, position: 1, ranked_score: '-3' },
      { id: first, position: 2, ranked_score: '1' },
    ])
  })

  it('keeps ranks dense in every committed snapshot, with concurrent recalculations and a platform that writes', async () => {
    const campaignId = await insertCampaign(database.sql, { points_per_referral: 3 })
    const users = await insertUsers(database.sql, campaignId, 60)
    await recalculate(campaignId)
    const over = new AbortController()
    let done = 0
    /** Neither the platform nor a recalculation may wait for long. */
    const refused: unknown[] = []
    const refuse = (error: unknown) => void refused.push(error)
    const platform = async (seed: number) => {
      const random = seeded(seed)
      for (let step = 0; step < 150; step++) await write(random).catch(refuse)
    }
    const write = async (random: () => number) => {
      const id = pick(users, random)
      if (random() < 0.7) {
        await database.sql.query('UPDATE waitlist_users SET verified_referral_count = verified_referral_count + 1 WHERE id = $1', [id])
      } else if (random() < 0.5) {
        await database.sql.query('UPDATE waitlist_users SET status = $2 WHERE id = $1', [id, pick(['blocked', 'verified'], random)])
      } else users.push(await insertUser(database.sql, campaignId, { original_position: users.length + 1 }))
    }
    const racer = async () => {
      while (!over.signal.aborted) {
        const result = await recalculate(campaignId).catch((error: unknown) => {
          // The platform's own row locks; the intent would be tried again.
          if (!(error instanceof SqlError && error.state === '40P01')) refuse(error)
        })
        if (result?.is === 'done') done++
      }
    }
    const watcher = async () => {
      while (!over.signal.aborted) expect(await misplaced(campaignId)).toBe(0)
    }
    const others = Promise.all([racer(), racer(), racer(), watcher(), watcher()])
    await Promise.all([platform(1), platform(2), platform(3)]).finally(() => over.abort())
    await others
    expect(refused).toEqual([])
    expect(done).toBeGreaterThan(10)
    await recalculate(campaignId)
    expect(await misplaced(campaignId)).toBe(0)
    expect(await recalculate(campaignId)).toMatchObject({ rowsChanged: 0 })
    expect(await leaderboard.sweep('rankers')).toBe(0)
  })
})
