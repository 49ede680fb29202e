import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import { rankAll } from '../../../src/leaderboard/whole-ranking.ts'
import type { FullBecause } from '../../../src/leaderboard/leaderboard.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'
import { playHistory, type HistoryOptions } from './rank-history.ts'
import { pointSettings } from './rank-reference-model.ts'

/** The long runs compare 100,000 recalculations. */
const histories = 100

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

describe('a recalculation', () => {
  it(`by windows agrees with an independent reference model over ${histories} random histories, and writes only differences`, async () => {
    const ways = new Map<FullBecause | null, number>()
    await againstTheOracle({
      recalculate: (campaignId) => recalculate(campaignId, (because) => ways.set(because, (ways.get(because) ?? 0) + 1)),
      rounds: 6,
      joins: 20,
      hardDeletes: false,
    })
    console.log(`recalculations by the reason for a whole one, null is none: ${JSON.stringify([...ways])}`)
    // Stored positions were never a surprise, and most runs were windows.
    expect([...ways.keys()]).not.toContain('unsure')
    expect(ways.get(null) ?? 0).toBeGreaterThan(histories * 3)
  })

  it(`of the whole campaign agrees with it too, with hard-deleted rows as well, over ${histories} random histories`, async () => {
    expect(await againstTheOracle({ recalculate: rankEverybody, rounds: 4, joins: 8, hardDeletes: true })).toBe(histories)
  })

  it.each(pointSettings)('counts points of %j as %i', async (referralConfig, points) => {
    const campaignId = await insertCampaign(database.sql, referralConfig)
    await insertUser(database.sql, campaignId, { original_position: 100, verified_referral_count: 2 })
    expect(await recalculate(campaignId)).toBe(1)
    expect(await rowsOf(campaignId)).toMatchObject([{ position: 1, ranked_score: String(100 - 2 * points), ranked_ppr: points }])
  })

  it('supports the largest counts and points', async () => {
    const campaignId = await insertCampaign(database.sql, { points_per_referral: 999_999_999 })
    await insertUser(database.sql, campaignId, { original_position: 1, verified_referral_count: 2_147_483_647 })
    await recalculate(campaignId)
    expect(await rowsOf(campaignId)).toMatchObject([{ ranked_score: String(1n - 2_147_483_647n * 999_999_999n) }])
    expect(await dirtyOf(campaignId)).toBe(0)
  })

  it('does nothing for a campaign without participants, or that does not exist', async () => {
    expect(await recalculate(await insertCampaign(database.sql))).toBe(0)
    expect(await recalculate('00000000-0000-4000-8000-000000000bad')).toBe(0)
  })
})

/** Resolves to how many histories agreed. */
async function againstTheOracle(options: HistoryOptions): Promise<number> {
  const bystander = await insertCampaign(database.sql, { points_per_referral: 7 })
  await insertUser(database.sql, bystander, { position: 9, original_position: 9 })
  const untouched = await rowsOf(bystander)
  for (let seed = 1; seed <= histories; seed++) {
    const campaigns: string[] = []
    const recalculating: HistoryOptions = {
      ...options,
      recalculate: (campaignId) => {
        campaigns.push(campaignId)
        return options.recalculate(campaignId)
      },
    }
    // In one comparison, so that a failure says which history it was.
    await playHistory(database, seed, recalculating, ({ round, found, expected }) => {
      expect({ seed, round, ...found }).toEqual({ seed, round, ...expected })
    })
    // At rest: nothing is dirty, a run of everybody finds nothing to do, neither does another by windows.
    const campaignId = campaigns[0] ?? ''
    const rest = { dirty: await dirtyOf(campaignId), whole: await rankEverybody(campaignId), again: await options.recalculate(campaignId) }
    expect({ seed, ...rest }).toEqual({ seed, dirty: 0, whole: 0, again: 0 })
  }
  expect(await rowsOf(bystander)).toEqual(untouched)
  return histories
}

async function recalculate(campaignId: string, onRanked: (because: FullBecause | null) => void = () => {}): Promise<number> {
  const result = await database.transaction((tx) => createLeaderboard(database, { history: 'top' }).recalculate(campaignId, tx, false))
  if (result.is !== 'done') throw new Error('somebody holds the lock')
  expect(result.durationMs).toBeGreaterThan(0)
  onRanked(result.because)
  return result.rowsChanged
}

async function rankEverybody(campaignId: string): Promise<number> {
  const { changes, written } = await database.transaction((tx) => rankAll({ campaignId, beganAt: 'now', historyLimit: 0 }, tx))
  expect(written).toBe(changes)
  return written
}

interface Rank {
  readonly id: string
  readonly position: number
  readonly ranked_score: string | null
  readonly ranked_ppr: number
}

async function rowsOf(campaignId: string): Promise<Rank[]> {
  return database.sql.query<Rank>('SELECT * FROM waitlist_users WHERE campaign_id = $1', [campaignId])
}

/** By the predicate of the index of dirty rows. */
async function dirtyOf(campaignId: string): Promise<number> {
  const [row] = await database.sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM waitlist_users
      WHERE campaign_id = $1
        AND ranked_score IS DISTINCT FROM CASE WHEN deleted_at IS NULL AND status NOT IN ('blocked','removed')
                                          THEN original_position::bigint - verified_referral_count::bigint * ranked_ppr END`,
    [campaignId],
  )
  return row?.count ?? -1
}
