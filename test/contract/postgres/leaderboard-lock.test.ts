import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import { untilSomebodyWaits } from './lock-wait.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUsers } from './platform-rows.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

it('a recalculation that waits for another never writes what it read before the other ended', async () => {
  const leaderboard = createLeaderboard(database, { history: 'top' })
  const campaignId = await insertCampaign(database.sql)
  const [first, second, third] = await insertUsers(database.sql, campaignId, 3)
  const recalculate = () => database.transaction((tx) => leaderboard.recalculate(campaignId, tx, false))
  const refer = (id: string | undefined, count: number) =>
    database.sql.query('UPDATE waitlist_users SET verified_referral_count = $2 WHERE id = $1', [id, count])
  await recalculate()
  await refer(second, 2)

  // The later one begins while the earlier one holds the lock, and the platform writes once more before that one reads.
  const later = await database.transaction(async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || $1::text, 0))`, [campaignId])
    const meeting = recalculate()
    await Promise.race([meeting, untilSomebodyWaits(database.sql)])
    await refer(third, 9)
    expect(await leaderboard.recalculate(campaignId, tx, false)).toMatchObject({ is: 'done', rowsChanged: 3 })
    return { meeting }
  })
  // As its channel does, it looks again when it could not have the lock.
  if ((await later.meeting).is === 'locked') await recalculate()

  const stored = await database.sql.query('SELECT id, position FROM waitlist_users WHERE campaign_id = $1 ORDER BY position, id', [
    campaignId,
  ])
  expect(stored).toEqual([
    { id: third, position: 1 },
    { id: second, position: 2 },
    { id: first, position: 3 },
  ])
})
