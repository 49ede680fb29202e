import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLeaderboardAuditor } from '../../../src/leaderboard/postgres-audit.ts'
import { createLeaderboard } from '../../../src/leaderboard/postgres-leaderboard.ts'
import type { CampaignAudit, LeaderboardAuditor } from '../../../src/leaderboard/audit.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertIntents } from './intent-rows.ts'
import { untilSomebodyWaits } from './lock-wait.ts'
import { insertCampaign, insertUser, insertUsers } from './platform-rows.ts'
import { playHistory } from './rank-history.ts'

const histories = 60

let database: MigratedDatabase
let auditor: LeaderboardAuditor
const options = { group: 'rankers', history: 'top', named: 2 } as const
beforeAll(async () => {
  database = await migratedDatabase()
  auditor = createLeaderboardAuditor(database, options)
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('TRUNCATE worker.intents, worker.recalculations, worker.position_changes, campaigns CASCADE'))

/** All that an audit could have touched; xmin shows a write that changed nothing. */
const everything = async () => {
  const tables = ['public.waitlist_users', 'worker.intents', 'worker.recalculations', 'worker.position_changes']
  return Promise.all(tables.map((table) => database.sql.query(`SELECT xmin::text, * FROM ${table} AS t ORDER BY t::text`)))
}

async function audited(campaignId: string, repair = false): Promise<CampaignAudit> {
  const audit = await auditor.audit(campaignId, { repair })
  if ('busy' in audit) throw new Error(`busy: ${audit.busy}`)
  return audit
}

/** Without `repair` an audit leaves everything as it is. */
async function onlyLooked(campaignId: string): Promise<CampaignAudit> {
  const before = await everything()
  const audit = await audited(campaignId)
  expect(await everything()).toEqual(before)
  expect(audit.repaired).toBeNull()
  return audit
}

/** Five people with the scores 1 to 5, ranked. */
async function rankedFive(): Promise<{ campaignId: string; ids: string[] }> {
  const campaignId = await insertCampaign(database.sql)
  const ids = await insertUsers(database.sql, campaignId, 5)
  await recalculate(campaignId)
  return { campaignId, ids }
}

const recalculate = (campaignId: string) =>
  database.transaction((tx) => createLeaderboard(database, options).recalculate(campaignId, tx, false))

describe('an audit', () => {
  it('finds nothing when all positions are correct', async () => {
    const { campaignId } = await rankedFive()
    await insertUser(database.sql, campaignId, { status: 'blocked' })
    expect(await onlyLooked(campaignId)).toEqual({
      campaignId,
      people: 5,
      misplaced: 0,
      stale: 0,
      differences: 0,
      first: [],
      pending: null,
      repaired: null,
    })
    expect(await onlyLooked(await insertCampaign(database.sql))).toMatchObject({ people: 0, differences: 0 })
  })

  it.each([
    ['the gap of a hard delete', `DELETE FROM waitlist_users WHERE original_position = 2`, { people: 4, misplaced: 3 }],
    [
      'an edited created_at among equal scores',
      `UPDATE waitlist_users SET created_at = now() + interval '1 day' WHERE position = 6`,
      { people: 7, misplaced: 2 },
    ],
    ['a position set by hand', `UPDATE waitlist_users SET position = 77 WHERE original_position = 4`, { people: 5, misplaced: 1 }],
    ['points set by hand', `UPDATE waitlist_users SET ranked_ppr = 3 WHERE original_position = 4`, { people: 5, misplaced: 1 }],
  ])('finds %s, writes nothing, and finds nothing after a repair', async (_, fault, { people, misplaced }) => {
    const { campaignId } = await rankedFive()
    for (let equal = 5; equal < people; equal++) await insertUser(database.sql, campaignId, { original_position: 9 })
    await recalculate(campaignId)
    await database.sql.query(fault)
    expect(await onlyLooked(campaignId)).toMatchObject({ people, misplaced, stale: 0, differences: misplaced })
    // Nothing else repairs it.
    expect(await createLeaderboard(database, options).sweep('rankers')).toBe(0)
    expect(await audited(campaignId, true)).toMatchObject({ misplaced, differences: misplaced, repaired: misplaced })
    expect(await onlyLooked(campaignId)).toMatchObject({ people, misplaced: 0, stale: 0, differences: 0 })
  })

  it.each([
    ['a row that changed', `UPDATE waitlist_users SET verified_referral_count = 3 WHERE original_position = 4`, 1, 3],
    ['somebody who joined', `UPDATE waitlist_users SET ranked_score = NULL, ranked_ppr = 0 WHERE original_position = 5`, 1, 1],
    ['somebody who was blocked', `UPDATE waitlist_users SET status = 'blocked' WHERE original_position = 4`, 1, 2],
    ['other points', `UPDATE campaigns SET referral_config = '{"points_per_referral": 2}'`, 5, 5],
  ])('reports %s as stale, not misplaced', async (_, change, stale, differences) => {
    const { campaignId } = await rankedFive()
    await database.sql.query(change)
    expect(await onlyLooked(campaignId)).toMatchObject({ misplaced: 0, stale, differences })
    expect(await createLeaderboard(database, options).sweep('rankers')).toBe(1)
    expect(await audited(campaignId, true)).toMatchObject({ repaired: differences })
    expect(await onlyLooked(campaignId)).toMatchObject({ stale: 0, differences: 0 })
  })

  it('distinguishes stale from misplaced rows in one campaign, and reports since when a recalculation is pending', async () => {
    const { campaignId } = await rankedFive()
    await database.sql.query('UPDATE waitlist_users SET position = 77 WHERE original_position = 1')
    await database.sql.query('UPDATE waitlist_users SET original_position = 9 WHERE original_position = 5')
    const recalculation = {
      kind: 'recalculate',
      channel: 'leaderboard',
      coalesce: true,
      campaign_id: campaignId,
      key: `recalculate:${campaignId}`,
    }
    const since = new Date(Date.now() - 60_000)
    await insertIntents(
      database.sql,
      { ...recalculation, group_name: 'others', created_at: new Date(0) },
      { ...recalculation, group_name: 'rankers', created_at: new Date(), state: 'claimed', owner: 'w', lease_until: new Date() },
      { ...recalculation, group_name: 'rankers', created_at: since, reason: 'campaign-locked' },
    )
    expect(await onlyLooked(campaignId)).toMatchObject({
      misplaced: 1,
      stale: 1,
      differences: 2,
      pending: { state: 'pending', since, reason: 'campaign-locked' },
    })
    await database.sql.query(`DELETE FROM worker.intents WHERE state = 'pending'`)
    expect(await onlyLooked(campaignId)).toMatchObject({ pending: { state: 'claimed' } })
  })

  it('lists the first differences in the correct order, with the stored and the correct position', async () => {
    const { campaignId, ids } = await rankedFive()
    const joined = await insertUser(database.sql, campaignId, { original_position: 0, position: 4 })
    expect((await onlyLooked(campaignId)).first).toEqual([
      { userId: joined, stored: null, right: 1 },
      { userId: ids[0], stored: 1, right: 2 },
    ])
    await recalculate(campaignId)
    await database.sql.query(`UPDATE waitlist_users SET status = 'removed' WHERE id = $1`, [joined])
    const { first } = await onlyLooked(campaignId)
    expect(first).toContainEqual({ userId: joined, stored: 1, right: null })
  })

  it('audits one campaign, and lists the campaigns that are not deleted', async () => {
    const [one, other] = [(await rankedFive()).campaignId, (await rankedFive()).campaignId]
    await database.sql.query('UPDATE waitlist_users SET position = 77 WHERE campaign_id = $1', [other])
    expect(await onlyLooked(one)).toMatchObject({ people: 5, differences: 0 })
    expect(await auditor.campaigns(null)).toEqual([one, other].toSorted())
    await database.sql.query('UPDATE campaigns SET deleted_at = now() WHERE id = $1', [other])
    expect(await auditor.campaigns(null)).toEqual([one])
    expect(await auditor.campaigns(other)).toEqual([other])
    expect(await auditor.campaigns('00000000-0000-4000-8000-000000000bad')).toEqual([])
  })

  it(`finds the same as an independent reference model over ${histories} random histories with hard deletes, and repairs all of it`, async () => {
    for (let seed = 1; seed <= histories; seed++) {
      await playHistory(
        database,
        seed,
        { recalculate: auditThenRepair, rounds: 4, joins: 12, hardDeletes: true },
        ({ expected, found, ...where }) => expect({ ...where, ...found }).toEqual({ ...where, ...expected }),
      )
    }
  })
})

/** How many rows the first look says that a full ranking would write. */
async function auditThenRepair(campaignId: string): Promise<number> {
  const { differences, misplaced, stale } = await audited(campaignId)
  // Somebody must be named as the cause.
  expect(misplaced + stale > 0).toBe(differences > 0)
  expect(await audited(campaignId, true)).toMatchObject({ differences, repaired: differences === 0 ? null : differences })
  expect(await audited(campaignId)).toMatchObject({ misplaced: 0, stale: 0, differences: 0 })
  return differences
}

describe('a repair', () => {
  it('is recorded as a full recalculation, with its movements, and wakes the mails that waited for it', async () => {
    const { campaignId, ids } = await rankedFive()
    await database.sql.query('DELETE FROM waitlist_users WHERE id = $1', [ids[0]])
    const waiting = { reason: 'awaiting-recalculation', due_at: new Date(Date.now() + 600_000) }
    await insertIntents(database.sql, { ...waiting, campaign_id: campaignId, key: 'theirs' }, { ...waiting, key: 'of another campaign' })
    const [{ now } = { now: '' }] = await database.sql.query<{ now: string }>('SELECT clock_timestamp()::text AS now')
    await audited(campaignId, true)
    expect(
      await database.sql.query('SELECT mode, rows_changed, began_at > $1::timestamptz AS later FROM worker.recalculations', [now]),
    ).toEqual([{ mode: 'full', rows_changed: 4, later: true }])
    expect(
      await database.sql.query(
        'SELECT user_id, from_position, to_position FROM worker.position_changes WHERE at > $1 ORDER BY to_position',
        [now],
      ),
    ).toEqual(ids.slice(1).map((user_id, index) => ({ user_id, from_position: index + 2, to_position: index + 1 })))
    expect(await database.sql.query('SELECT key FROM worker.intents WHERE due_at <= now()')).toEqual([{ key: 'theirs' }])
  })

  it('has more time than a recalculation, but waits no longer for locked rows', async () => {
    const { campaignId } = await rankedFive()
    let settings: object[] = []
    const watched: MigratedDatabase = {
      ...database,
      transaction: (work) =>
        database.transaction(async (tx) => {
          const result = await work(tx)
          settings = await tx.query(`SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock`)
          return result
        }),
    }
    await createLeaderboardAuditor(watched, options).audit(campaignId, { repair: true })
    expect(settings).toEqual([{ statement: '10min', lock: '500ms' }])
  })

  it('records nothing without differences, and no movement when no history is kept', async () => {
    const { campaignId } = await rankedFive()
    const before = await everything()
    expect(await audited(campaignId, true)).toMatchObject({ differences: 0, repaired: null })
    expect(await everything()).toEqual(before)

    await database.sql.query('TRUNCATE worker.position_changes')
    await database.sql.query('UPDATE waitlist_users SET position = 77 WHERE original_position = 1')
    const forgetful = createLeaderboardAuditor(database, { ...options, history: 'off' })
    expect(await forgetful.audit(campaignId, { repair: true })).toMatchObject({ repaired: 1 })
    expect(await database.sql.query('SELECT FROM worker.position_changes')).toEqual([])
  })

  it('changes nothing while the campaign is locked, and names the owner of the lock', async () => {
    const { campaignId } = await rankedFive()
    const other = await rankedFive()
    await database.sql.query('UPDATE waitlist_users SET position = 77')
    const before = await everything()
    await database.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || $1::text, 0))`, [campaignId])
      const [{ pid } = { pid: 0 }] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      for (const repair of [false, true]) expect(await auditor.audit(campaignId, { repair })).toEqual({ campaignId, busy: 'lock' })
      expect(await auditor.holder(campaignId)).toMatchObject({ pid, application: 'test' })
      expect(await auditor.holder(other.campaignId)).toBeNull()
      expect(await everything()).toEqual(before)
      expect(await audited(other.campaignId, true)).toMatchObject({ repaired: 5 })
    })
    expect(await audited(campaignId, true)).toMatchObject({ repaired: 5 })
  })

  it('gives way to the owner of a locked row, and leaves nothing behind', async () => {
    const { campaignId, ids } = await rankedFive()
    await database.sql.query('UPDATE waitlist_users SET position = 77')
    await database.transaction(async (tx) => {
      await tx.query('SELECT FROM waitlist_users WHERE id = $1 FOR UPDATE', [ids[2]])
      const before = await everything()
      expect(await auditor.audit(campaignId, { repair: true })).toEqual({ campaignId, busy: 'rows' })
      expect(await everything()).toEqual(before)
    })
  })

  it('leaves no gap when a participant is hard-deleted between its read and its write', async () => {
    const { campaignId, ids } = await rankedFive()
    await database.sql.query('UPDATE waitlist_users SET position = 77')
    let repairing: Promise<unknown> = Promise.resolve()
    await database.transaction(async (tx) => {
      await tx.query('DELETE FROM waitlist_users WHERE id = $1', [ids[0]])
      repairing = auditor.audit(campaignId, { repair: true })
      await untilSomebodyWaits(database.sql)
    })
    expect(await repairing).toEqual({ campaignId, busy: 'rows' })
    expect(await audited(campaignId, true)).toMatchObject({ people: 4, repaired: 4 })
    expect(await audited(campaignId)).toMatchObject({ differences: 0 })
  })
})
