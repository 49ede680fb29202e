import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLeaderboard } from '../../../src/infra/postgres/leaderboard.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'
import {
  changeParticipant,
  newParticipant,
  pick,
  pointSettings,
  rankInMemory,
  seeded,
  storedRank,
  type Participant,
} from './rank-oracle.ts'

const histories = 250

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

describe('a full re-rank', () => {
  it(
    `agrees with an independent oracle over ${histories} random histories, writes what differs and nothing else`,
    { timeout: 120_000 },
    async () => {
      const bystander = await insertCampaign(database.sql, { points_per_referral: 7 })
      await insertUser(database.sql, bystander, { position: 9, original_position: 9 })
      const untouched = await rowsOf(bystander)
      for (let seed = 1; seed <= histories; seed++) await playHistory(seed)
      expect(await rowsOf(bystander)).toEqual(untouched)
    },
  )

  it.each(pointSettings)('counts points of %j as %i', async (referralConfig, points) => {
    const campaignId = await insertCampaign(database.sql, referralConfig)
    await insertUser(database.sql, campaignId, { original_position: 100, verified_referral_count: 2 })
    expect(await recalculate(campaignId)).toBe(1)
    expect(await rowsOf(campaignId)).toMatchObject([{ position: 1, ranked_score: String(100 - 2 * points), ranked_ppr: points }])
  })

  it('has room for the largest counts and points', async () => {
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

async function playHistory(seed: number): Promise<void> {
  const random = seeded(seed)
  let [referralConfig, points] = pick(pointSettings, random)
  const campaignId = await insertCampaign(database.sql, referralConfig)
  let all: Participant[] = []
  for (let round = 0; round < 4; round++) {
    await database.transaction(async (tx) => {
      for (let joins = Math.floor(random() * 8); joins > 0; joins--) {
        const one = newParticipant(random)
        all.push(one)
        await insertUser(tx, campaignId, {
          id: one.id,
          created_at: one.createdAt,
          original_position: one.original,
          verified_referral_count: one.verified,
          status: one.status,
          deleted_at: one.deleted ? new Date() : null,
          position: one.position,
        })
      }
      const changed = all.filter(() => random() < 0.3)
      for (const one of changed) {
        changeParticipant(one, random)
        await store(one, tx)
      }
      if (random() < 0.15) {
        const gone = all.filter(() => random() < 0.1)
        all = all.filter((one) => !gone.includes(one))
        await tx.query('DELETE FROM waitlist_users WHERE id = ANY ($1::uuid[])', [gone.map(({ id }) => id)])
      }
      if (random() < 0.2) {
        ;[referralConfig, points] = pick(pointSettings, random)
        await tx.query('UPDATE campaigns SET referral_config = $2 WHERE id = $1', [campaignId, JSON.stringify(referralConfig)])
      }
    })
    // In one comparison, so that a failure says which history it was.
    const expected = { seed, round, changed: rankInMemory(all, points), ranks: new Map(all.map((one) => [one.id, storedRank(one)])) }
    const changed = await recalculate(campaignId)
    const ranks = new Map((await rowsOf(campaignId)).map((row) => [row.id, rankOf(row)]))
    expect({ seed, round, changed, ranks }).toEqual(expected)
    const after = { seed, round, dirty: await dirtyOf(campaignId), changed: await recalculate(campaignId) }
    expect(after).toEqual({ seed, round, dirty: 0, changed: 0 })
  }
}

async function recalculate(campaignId: string): Promise<number> {
  const result = await database.transaction((tx) => createLeaderboard(database, { history: 'top' }).recalculate(campaignId, tx, false))
  if (result.is !== 'done') throw new Error('somebody holds the lock')
  expect(result.durationMs).toBeGreaterThan(0)
  return result.rowsChanged
}

async function store(one: Participant, sql: Sql): Promise<void> {
  await sql.query(
    `UPDATE waitlist_users SET original_position = $2, verified_referral_count = $3, status = $4,
            deleted_at = CASE WHEN $5 THEN coalesce(deleted_at, now()) END WHERE id = $1`,
    [one.id, one.original, one.verified, one.status, one.deleted],
  )
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

function rankOf(row: Rank): string {
  return storedRank({ position: row.position, rankedScore: row.ranked_score, rankedPpr: row.ranked_ppr })
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
