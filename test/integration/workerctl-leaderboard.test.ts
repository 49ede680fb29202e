import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import { createLeaderboard } from '../../src/leaderboard/postgres-leaderboard.ts'
import { insertIntents } from '../contract/postgres/intent-rows.ts'
import { eventually } from '../support/eventually.ts'
import { startFrozenTransaction } from '../support/frozen-transaction.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { workerctlFor } from '../support/workerctl-for.ts'
import { runWorkerctl, type Ran } from './workerctl-fixture.ts'

let database: MigratedDatabase
let platform: Platform
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  platform = new Platform(database.sql)
  await database.sql.query('TRUNCATE worker.intents, worker.outcomes, worker.recalculations, worker.position_changes, campaigns CASCADE')
})

// None of these verbs needs Kafka.
const leaderboard = (...args: string[]): Promise<Ran> =>
  runWorkerctl(['leaderboard', ...args], { KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: database.url })
const run = (statement: string, ...parameters: unknown[]) => database.sql.query(statement, parameters)
const recalculate = ({ campaignId }: Campaign) =>
  database.transaction((tx) => createLeaderboard(database, { history: 'top' }).recalculate(campaignId, tx, false))
const everyRow = () => run('SELECT xmin::text, * FROM waitlist_users ORDER BY id')
const explain = (userId: string | undefined, variables: Record<string, string> = {}, ...more: string[]) =>
  runWorkerctl(['leaderboard', 'explain', '--user', userId ?? '', ...more], {
    KAFKA_BROKERS: '127.0.0.1:1',
    DATABASE_URL: database.url,
    ...variables,
  })

/** The rows of what `show` reported, as cells. */
const table = ({ out }: Ran) =>
  out
    .slice(out.indexOf('POSITION'))
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/ +/))
const places = async (ran: Promise<Ran>) => table(await ran).map(([position]) => Number(position))

/** A campaign whose people were ranked in the order in which they joined. */
async function ranked(people: number): Promise<{ campaign: Campaign; campaignId: string; ids: readonly string[] }> {
  const campaign = await platform.campaign()
  await platform.crowd(campaign, people)
  await recalculate(campaign)
  const rows = await database.sql.query<{ id: string }>('SELECT id FROM waitlist_users WHERE campaign_id = $1 ORDER BY position', [
    campaign.campaignId,
  ])
  return { campaign, campaignId: campaign.campaignId, ids: rows.map(({ id }) => id) }
}

/** A request of the group that recalculates, as the sweep writes it. */
const pendingRecalculation = ({ campaignId }: Campaign) => ({
  group_name: 'position-workers',
  kind: 'recalculate',
  channel: 'leaderboard',
  key: `recalculate:${campaignId}`,
  coalesce: true,
  campaign_id: campaignId,
  created_at: new Date('2030-01-01T00:00:00Z'),
})

describe('leaderboard audit', () => {
  it('finds differences in every campaign, writes nothing without --repair, and finds nothing after a repair', async () => {
    const [gap, tie, edited, right, deleted] = [await ranked(4), await ranked(1), await ranked(3), await ranked(2), await ranked(2)]
    for (const place of [2, 3]) await platform.person(tie.campaign, { original_position: 99, created_at: new Date(place * 1_000_000_000) })
    await recalculate(tie.campaign)
    await run('DELETE FROM waitlist_users WHERE id = $1', gap.ids[1])
    await run(`UPDATE waitlist_users SET created_at = now() WHERE campaign_id = $1 AND position = 2`, tie.campaignId)
    await run('UPDATE waitlist_users SET position = 77 WHERE id = ANY ($1)', [edited.ids[2], deleted.ids[0]])
    await run('UPDATE campaigns SET deleted_at = now() WHERE id = $1', deleted.campaignId)

    const before = await everyRow()
    const found = await leaderboard('audit')
    expect(await everyRow()).toEqual(before)
    expect(found.code).toBe(1)
    expect(found.err).toBe('Not all positions are correct. Left: misplaced rows in 3 campaigns: run the audit with --repair.')
    for (const text of [
      `Campaign ${gap.campaignId}: 3 participants, 2 differences from a full ranking.\n  2 rows are misplaced`,
      `person ${gap.ids[2]}: 3, should be 2\n  person ${gap.ids[3]}: 4, should be 3`,
      `Campaign ${tie.campaignId}: 3 participants, 2 differences`,
      `person ${edited.ids[2]}: 77, should be 3`,
      '4 campaigns audited: 5 differences in 3 of them.',
    ])
      expect(found.out).toContain(text)
    for (const { campaignId } of [right, deleted]) expect(found.out).not.toContain(campaignId)

    expect(await leaderboard('audit', '--campaign', gap.campaignId, '--repair')).toMatchObject({ code: 0, err: '' })
    const rest = await leaderboard('audit', '--repair', '--json')
    expect(rest).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(rest.out)).toMatchObject({
      audited: 4,
      differences: 3,
      repaired: 3,
      busy: [],
      campaigns: [{ repaired: expect.any(Number) }, { misplaced: expect.any(Number) }],
    })
    expect(await run('SELECT mode, rows_changed FROM worker.recalculations WHERE campaign_id = $1', gap.campaignId)).toEqual([
      { mode: 'full', rows_changed: 2 },
    ])

    expect(await leaderboard('audit')).toEqual({ code: 0, err: '', out: '4 campaigns audited: 0 differences.' })
    expect(JSON.parse((await leaderboard('audit', '--json')).out)).toEqual({
      audited: 4,
      differences: 0,
      repaired: 0,
      campaigns: [],
      busy: [],
    })
    const one = await leaderboard('audit', '--campaign', deleted.campaignId.toUpperCase())
    expect(one).toMatchObject({ code: 1 })
    expect(one.out).toContain('2 participants, 1 difference from a full ranking.')
    const fine = await leaderboard('audit', '--campaign', right.campaignId)
    expect(fine).toEqual({ code: 0, err: '', out: `Campaign ${right.campaignId}: 2 participants, 0 differences.` })
  })

  it('leaves stale rows to a pending recalculation, and reports when none is pending', async () => {
    const { campaign, campaignId, ids } = await ranked(3)
    await run('UPDATE waitlist_users SET verified_referral_count = 9 WHERE id = $1', ids[2])
    const alone = await leaderboard('audit')
    expect(alone.code).toBe(1)
    expect(alone.err).toContain(
      'stale rows and no recalculation pending in 1 campaign: a running daemon requests one within LEADERBOARD_SWEEP_MS=5000',
    )
    expect(alone.out).toContain(`  1 row is stale: changed since it was ranked. No recalculation is pending.`)
    expect(alone.out).not.toContain('misplaced')

    await insertIntents(database.sql, pendingRecalculation(campaign))
    const waiting = await leaderboard('audit', '--campaign', campaignId)
    expect(waiting).toMatchObject({ code: 0, err: '' })
    expect(waiting.out).toContain('3 differences from a full ranking.')
    expect(waiting.out).toContain('A recalculation is pending since 2030-01-01T00:00:00.000Z')
    const { out } = await leaderboard('audit', '--campaign', campaignId, '--repair', '--json')
    expect(JSON.parse(out).campaigns).toMatchObject([
      { stale: 1, misplaced: 0, differences: 3, repaired: 3, pending: { state: 'pending' } },
    ])
    expect((await leaderboard('audit')).code).toBe(0)
  })

  it("names the session that holds a campaign's lock, changes nothing there, and continues with the others", async () => {
    // They are looked at in the order of their ids; the one that cannot be had comes first.
    const [held, free] = [await ranked(2), await ranked(2)].toSorted((one, other) => (one.campaignId < other.campaignId ? -1 : 1))
    if (held === undefined || free === undefined) throw new Error('there are two')
    await run('UPDATE waitlist_users SET position = 77')
    await using _ = await startFrozenTransaction(
      database.url,
      `SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:${held.campaignId}', 0))`,
    )
    const { code, out, err } = await leaderboard('audit', '--repair')
    expect(code).toBe(1)
    expect(err).toBe('Not all positions are correct. Left: 1 campaign locked by other sessions: run the audit again.')
    expect(out).toMatch(
      new RegExp(
        `Campaign ${held.campaignId} was not audited: its lock was held for 10 s .* \\(PostgreSQL process \\d+ of test lock holder, in a transaction for \\d+ s\\)`,
      ),
    )
    expect(out).toContain('1 campaign audited: 2 differences in 1 of them.')
    expect(await run('SELECT position FROM waitlist_users WHERE campaign_id = $1', held.campaignId)).toEqual([
      { position: 77 },
      { position: 77 },
    ])
    expect(await run('SELECT position FROM waitlist_users WHERE id = ANY ($1) ORDER BY 1', free.ids)).toEqual([
      { position: 1 },
      { position: 2 },
    ])
  })

  it('waits for a running recalculation of the campaign, and audits afterwards', async () => {
    const { campaignId } = await ranked(2)
    let auditing: Promise<Ran> | undefined
    await database.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || $1::text, 0))`, [campaignId])
      auditing = leaderboard('audit', '--campaign', campaignId)
      await eventually('it has tried', async () => {
        const rows = await run(
          `SELECT FROM pg_stat_activity WHERE application_name = 'workerctl' AND datname = current_database() AND query = 'COMMIT'`,
        )
        return rows.length === 1 || 'not yet'
      })
    })
    expect(await auditing).toMatchObject({ code: 0, err: '' })
  })

  it('refuses an unknown campaign and an invalid id', async () => {
    const nobody = randomUUID()
    expect(await leaderboard('audit', '--campaign', nobody)).toEqual({
      code: 1,
      out: '',
      err: `There is no campaign ${nobody} in this database: give an id of the table campaigns.`,
    })
    expect((await leaderboard('audit', '--campaign', 'mine')).err).toContain('--campaign must be a UUID')
  })
})

describe('leaderboard show', () => {
  it('shows the top of a campaign with score, its parts and dirty rows, without addresses', async () => {
    const { campaign, campaignId, ids } = await ranked(20)
    await run('UPDATE waitlist_users SET verified_referral_count = 5 WHERE id = $1', ids[1])
    await insertIntents(database.sql, pendingRecalculation(campaign))
    const shown = await leaderboard('show', '--campaign', campaignId, '--top', '3')
    expect(shown).toMatchObject({ code: 0, err: '' })
    for (const text of [
      `Campaign ${campaignId}: 20 people ranked, 1 point per verified referral.`,
      '1 row joined, left or changed since the last ranking.',
      ': the whole campaign, 20 rows written.',
      'A recalculation is pending since 2030-01-01T00:00:00.000Z',
    ])
      expect(shown.out).toContain(text)
    expect(table(shown)).toEqual([
      ['1', ids[0], '1', '1', '0', 'ranked'],
      ['2', ids[1], '2', '2', '5', 'dirty'],
      ['3', ids[2], '3', '3', '0', 'ranked'],
    ])
    expect(table(await leaderboard('show', '--campaign', campaignId))).toHaveLength(10)
    const json = await leaderboard('show', '--campaign', campaignId, '--json')
    expect(JSON.parse(json.out)).toMatchObject({
      ranked: 20,
      dirty: 1,
      points: 1,
      last: { mode: 'full' },
      people: [{ position: 1, score: 1 }, {}, {}, {}, {}, {}, {}, {}, {}, {}],
    })
    expect(shown.out + json.out).not.toContain('@')
  })

  it('shows the neighbours of a person, and explains why a person has none', async () => {
    const { campaign, campaignId, ids } = await ranked(20)
    const around = (userId: string | undefined, ...more: string[]) =>
      leaderboard('show', '--campaign', campaignId, '--around', userId ?? '', ...more)
    expect(await places(around(ids[9], '--top', '4'))).toEqual([8, 9, 10, 11, 12])
    expect(await places(around(ids[0]))).toEqual([1, 2, 3, 4, 5, 6])

    const { userId: newcomer } = await platform.person(campaign)
    const { userId: blocked } = await platform.person(campaign, { status: 'blocked' })
    const { userId: foreign } = await platform.person(await platform.campaign())
    await run('UPDATE waitlist_users SET deleted_at = now() WHERE id = $1', ids[3])
    expect(await places(around(ids[3], '--top', '1'))).toEqual([4])
    await recalculate(campaign)
    await run('UPDATE waitlist_users SET ranked_score = NULL WHERE id = $1', newcomer)
    for (const [who, why] of [
      [newcomer, 'no recalculation has ranked this person yet'],
      [blocked, 'the person is blocked'],
      [ids[3], 'the person is marked as deleted'],
    ])
      expect(await around(who)).toEqual({ code: 1, out: '', err: `Person ${who} is not ranked and has no neighbours: ${why}.` })
    expect((await around(foreign)).err).toContain(`Person ${foreign} takes part in another campaign: give --campaign`)
    expect((await around(randomUUID())).err).toContain('There is no person')
    expect((await leaderboard('show', '--campaign', randomUUID())).err).toContain('There is no campaign')
    expect((await leaderboard('show')).code).toBe(1)
  })
})

describe('leaderboard explain', () => {
  it('explains position, recorded movements, and why none is recorded', async () => {
    const { campaign, campaignId, ids } = await ranked(3)
    await run('UPDATE waitlist_users SET verified_referral_count = 1 WHERE id = $1', ids[2])
    await insertIntents(database.sql, pendingRecalculation(campaign))
    const dirty = await explain(ids[2])
    expect(dirty).toMatchObject({ code: 0, err: '' })
    for (const text of [
      `Person ${ids[2]} of campaign ${campaignId} is at position 3 of 3.`,
      'The score is 2 = original position 3 - 1 verified referral x 1 point.',
      'The row is dirty: it was ranked with score 3, and the next recalculation ranks it with 2.',
      'A recalculation is pending since 2030-01-01T00:00:00.000Z',
      'The last movement on record: into the ranking at position 3, score 3',
    ])
      expect(dirty.out).toContain(text)
    const { out } = await explain(ids[2], {}, '--json')
    expect(JSON.parse(out)).toMatchObject({
      position: 3,
      score: 2,
      rankedScore: 3,
      dirty: true,
      notRanked: null,
      history: 'top',
      campaign: { ranked: 3, pending: { state: 'pending' } },
      lastChange: { fromPosition: null, toPosition: 3, events: [] },
    })
    expect(dirty.out + out).not.toContain('@')

    await run('TRUNCATE worker.position_changes')
    expect((await explain(ids[0])).out).toContain(
      'the hundred largest of each recalculation are kept (LEADERBOARD_HISTORY=top), for LEADERBOARD_HISTORY_DAYS=30',
    )
    expect((await explain(ids[0], { LEADERBOARD_HISTORY: 'off' })).out).toContain(
      'LEADERBOARD_HISTORY=off: recalculations record no movements.',
    )
    await run(`UPDATE waitlist_users SET status = 'removed', ranked_score = NULL WHERE id = $1`, ids[0])
    expect((await explain(ids[0])).out).toContain('is not ranked: the person is removed.')
    expect((await explain(randomUUID())).err).toContain('There is no person')
  })
})

test('while a daemon runs, explain names the event that moved a person, and an audit finds no difference', async () => {
  await using s = await createFixture()
  const before = new Platform(s.sql)
  const swept = await before.campaign()
  await before.person(swept)
  // After the first sweep, which begins as the daemon gets ready, nothing but an event makes it recalculate.
  const daemon = s.daemon({ LEADERBOARD_SWEEP_MS: '600000' })
  await daemon.ready()
  await eventually('the first sweep is over', async () => {
    const rows = await s.sql.query('SELECT FROM worker.recalculations WHERE campaign_id = $1', [swept.campaignId])
    return rows.length === 1 || 'its campaign is not recalculated'
  })
  const people = new Platform(s.sql)
  const campaign = await people.campaign()
  const [first, second, third] = [await people.person(campaign), await people.person(campaign), await people.person(campaign)]
  const refers = async (referredId: string) => {
    const referralId = await people.referral(campaign, second.userId, referredId)
    const referral = { referralId, referrerId: second.userId, referredId, pointsPerReferral: 1 }
    const { eventId } = await s.publisher.publishReferralVerified({ ...campaign, ...referral })
    await s.drained()
    return eventId
  }
  const explain = (...more: string[]) => workerctlFor(s, 'leaderboard', 'explain', '--user', second.userId, ...more)

  const joining = await refers(first.userId)
  expect((await explain()).out).toContain('into the ranking at position 2, score 1')
  expect((await explain()).out).toContain(`It covered the events accepted before it, 1 event:\n  referral.verified ${joining} at`)
  const moving = await refers(third.userId)
  const { code, out, err } = await explain()
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toContain('is at position 1 of 3.')
  expect(out).toContain('from position 2 to 1, score 1 to 0, by the recalculation')
  expect(out).toContain(`1 event:\n  referral.verified ${moving} at`)
  expect(JSON.parse((await explain('--json')).out).lastChange.events).toMatchObject([{ eventId: moving }])
  expect(await workerctlFor(s, 'leaderboard', 'audit')).toEqual({ code: 0, err: '', out: '2 campaigns audited: 0 differences.' })
})
