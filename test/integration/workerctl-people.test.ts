import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, it, test } from 'vitest'
import type { Sql } from '../../src/std/sql.ts'
import { insertIntents } from '../contract/postgres/intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { runWorkerctl, type Ran } from './workerctl-fixture.ts'

const [USER, CAMPAIGN] = ['b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55', '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33']

let db: MigratedDatabase
let sql: Sql
let platform: Platform
let campaign: Campaign
let accountId: string

beforeAll(async () => {
  db = await migratedDatabase()
  sql = db.sql
  platform = new Platform(sql)
  campaign = { ...(await platform.campaign()), campaignId: CAMPAIGN }
  accountId = campaign.accountId
  await sql.query(`UPDATE campaigns SET id = $1 WHERE account_id = $2`, [CAMPAIGN, accountId])
  await platform.person(campaign, { id: USER, email: 'Guest@Example.com', ranked_score: 1, ranked_ppr: 1 })
  await sql.query(
    `INSERT INTO email_templates (campaign_id, name, type, subject, html_body) VALUES ($1, 'Hello', 'welcome', 'Hello {{first_name}}', '<p>Hello</p>')`,
    [CAMPAIGN],
  )
})
afterAll(() => db.close())

function workerctl(...args: readonly string[]): Promise<Ran> {
  return runWorkerctl(args, { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url })
}

/** Replaces all intents by these, numbered from 4711. */
async function intents(...rows: readonly Record<string, unknown>[]): Promise<void> {
  await sql.query('TRUNCATE worker.intents')
  await sql.query('ALTER TABLE worker.intents ALTER COLUMN id RESTART WITH 4711')
  await insertIntents(
    sql,
    ...rows.map((row, index) => ({
      group_name: 'email-workers',
      key: `key-${index}`,
      campaign_id: CAMPAIGN,
      user_id: USER,
      data: { type: 'welcome' },
      ...row,
    })),
  )
}

async function states(): Promise<readonly string[]> {
  const rows = await sql.query<{ id: string; state: string; attempt: number; reason: string | null; due: boolean; waits: boolean }>(
    `SELECT id, state, attempt, reason, due_at <= now() AS due, waiting_since IS NOT NULL AS waits FROM worker.intents ORDER BY id`,
  )
  return rows.map(
    (row) => `${row.id} ${row.state} ${row.attempt} ${row.reason ?? '-'} ${row.due ? 'due' : 'later'}${row.waits ? ' waits' : ''}`,
  )
}

describe('a person by address', () => {
  it.each([
    { args: ['timeline', '--email'] },
    { args: ['leaderboard', 'explain', '--email'] },
    { args: ['intents', 'list', '--email'] },
    { args: ['forget', '--dry-run', '--email'] },
    { args: ['leaderboard', 'movements', '--campaign', CAMPAIGN, '--email'] },
    { args: ['leaderboard', 'show', '--campaign', CAMPAIGN, '--email'] },
  ])('is found in any spelling, and printed masked or not at all by $args', async ({ args }) => {
    await intents({ state: 'sent' })
    const { code, out, err } = await workerctl(...args, 'GUEST@example.COM')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).not.toMatch(/guest@/i)
    expect(await workerctl(...args, 'nobody@example.com')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^No participant has this address/),
    })
  })

  it('is shown by timeline with --reveal only', async () => {
    expect((await workerctl('timeline', '--user', USER)).out).toContain('G***@Example.com joined campaign')
    expect((await workerctl('timeline', '--user', USER, '--reveal')).out).toContain('Guest@Example.com joined campaign')
  })

  it('has a timeline that says so when --limit leaves older lines out, without a count that nobody has read', async () => {
    const timeline = async (limit: number) => JSON.parse((await workerctl('timeline', '--user', USER, '--limit', `${limit}`, '--json')).out)
    const all = (await timeline(1_000)).entries.length
    expect(await timeline(all)).toMatchObject({ hasMore: false })
    expect(await timeline(all - 1)).toMatchObject({ hasMore: true })
    expect(await timeline(all - 1)).not.toHaveProperty('matching')
    expect((await workerctl('timeline', '--user', USER, '--limit', '1')).out).toMatch(
      /\nOlder lines are left out: raise --limit for more\.$/,
    )
    expect((await workerctl('timeline', '--user', USER)).out).not.toContain('left out')
  })

  it('in several campaigns is refused with their ids, and narrowed by --campaign', async () => {
    const other = await platform.campaign()
    const { userId } = await platform.person(other, { email: 'guest@example.com' })
    try {
      const { code, err } = await workerctl('forget', '--email', 'guest@example.com', '--dry-run')
      expect(code).toBe(1)
      expect(err).toContain(`--user ${userId} (campaign ${other.campaignId})`)
      expect(err).toContain(`--user ${USER} (campaign ${CAMPAIGN})`)
      const { out } = await workerctl('timeline', '--email', 'guest@example.com', '--campaign', other.campaignId, '--json')
      expect(JSON.parse(out)).toMatchObject({ subject: { of: 'user', id: userId } })
    } finally {
      await sql.query('DELETE FROM waitlist_users WHERE id = $1', [userId])
    }
  })
})

test('suppressions of a person are those of the address in the account, and removed by the id', async () => {
  await sql.query(
    `INSERT INTO worker.suppressions (account_id, address_hash, reason) VALUES ($1, worker.address_hash('guest@example.com'), 'bounced'), ($2, worker.address_hash('guest@example.com'), 'bounced')`,
    [accountId, randomUUID()],
  )
  expect(JSON.parse((await workerctl('suppressions', 'list', '--user', USER, '--json')).out)).toMatchObject({
    suppressions: [{ accountId, reason: 'bounced' }],
  })
  expect(await workerctl('suppressions', 'remove', '--user', USER, '--yes')).toMatchObject({
    code: 0,
    out: expect.stringContaining('Done: 1 removed.'),
  })
  expect(await sql.query(`SELECT count(*)::int AS count FROM worker.suppressions`)).toEqual([{ count: 1 }])
})

test('the preview of a retry names kinds, people, subjects and what would not be sent again, and nothing is changed before --yes', async () => {
  const { userId } = await platform.person(campaign)
  const earned = await platform.earned(campaign, await platform.reward(campaign, { method: 'webhook' }), USER)
  await intents(
    { state: 'dead', reason: 'timeout-mail' },
    { state: 'dead', reason: 'timeout-mail', user_id: userId },
    { state: 'dead', reason: 'timeout-mail', data: { type: 'milestone' } },
    { state: 'dead', reason: 'no-endpoint', kind: 'reward', channel: 'webhook', data: { user_reward_id: earned } },
    { state: 'dead', reason: 'forgotten', user_id: null, data: {} },
  )
  const { out } = await workerctl('intents', 'retry', '--state', 'dead', '--dry-run')
  expect(out.split('\n')).toEqual([
    '4 intents will be retried: 4 dead.',
    'Left alone: 1 is forgotten: erased intents cannot be retried.',
    '  2 mail welcome to 2 people: "Hello Ada" (2)',
    '  1 mail milestone to 1 person: "A campaign has reached a milestone" (1)',
    '  1 reward to 1 person',
    'Of these, 1 reward would be dead at once as no-endpoint.',
    'Dry run: nothing was changed.',
  ])
  expect((await states()).filter((state) => state.includes(' dead '))).toHaveLength(5)
})

test('retry --now makes pending intents of an account due now; attempts, reasons and waits stay, and nothing else changes', async () => {
  const later = { due_at: new Date(Date.now() + 3_600_000) }
  const other = await platform.campaign()
  await intents(
    { ...later, attempt: 3, reason: 'recipient-deferred' },
    { ...later, reason: 'campaign-paused', waiting_since: new Date() },
    { state: 'dead', reason: 'timeout-mail' },
    { ...later, campaign_id: other.campaignId },
    { ...later, state: 'ambiguous' },
  )
  const before = await states()
  expect((await workerctl('intents', 'retry', '--now', '--account', accountId, '--dry-run')).out).toContain(
    '2 intents will be made due now: 2 pending.',
  )
  expect(await states()).toEqual(before)
  expect((await workerctl('intents', 'retry', '--now', '--account', accountId, '--yes')).out).toContain('Done: 2 made due now.')
  expect(await states()).toEqual([
    '4711 pending 3 recipient-deferred due',
    '4712 pending 0 campaign-paused due waits',
    '4713 dead 0 timeout-mail due',
    '4714 pending 0 - later',
    '4715 ambiguous 0 - later',
  ])
})

/** A moment of a day long ago. */
const at = (minutes: number) => new Date(Date.UTC(2026, 0, 31, 12, minutes))

test('movements are listed by campaign, person and time, newest first', async () => {
  const { userId } = await platform.person(campaign)
  const move = (user: string, minutes: number, of = CAMPAIGN) =>
    sql.query(`INSERT INTO worker.position_changes VALUES ($1, $2, $3, NULL, 9, 4, 10, 5)`, [user, of, at(minutes)])
  await move(USER, 1)
  await move(userId, 2)
  await move(USER, 3, randomUUID())
  const listed = async (...args: readonly string[]) => {
    const { movements } = JSON.parse((await workerctl('leaderboard', 'movements', '--campaign', CAMPAIGN, '--json', ...args)).out)
    return movements.map((one: { userId: string; at: string }) => `${one.userId} ${one.at}`)
  }
  const [first, second] = [`${USER} ${at(1).toISOString()}`, `${userId} ${at(2).toISOString()}`]
  expect(await listed()).toEqual([second, first])
  expect(await listed('--user', USER)).toEqual([first])
  expect(await listed('--since', at(2).toISOString())).toEqual([second])
  expect((await workerctl('leaderboard', 'movements', '--campaign', CAMPAIGN)).out).toMatch(
    /AT +PERSON +FROM +TO .*\n2026-01-31T12:02:00\.000Z \(\d+ days ago\) +\S+ +9 +4 +10 +5\n/,
  )
  expect(await workerctl('leaderboard', 'movements', '--campaign', randomUUID())).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^There is no campaign/),
  })
})
