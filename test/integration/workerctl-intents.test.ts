import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import type { IntentFilter } from '../../src/admin/intents/intent-admin.ts'
import { intentFilter } from '../../src/admin/intents/intent-filter.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { createIntentAdmin } from '../../src/infra/postgres/admin/postgres-intent-admin.ts'
import type { Sql } from '../../src/std/sql.ts'
import { insertIntents, rowOf } from '../contract/postgres/intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { runWorkerctl, type Ran } from './workerctl-fixture.ts'

let db: MigratedDatabase
let sql: Sql
let platform: Platform
let campaign: Campaign
let userId: string

beforeAll(async () => {
  db = await migratedDatabase()
  sql = db.sql
  platform = new Platform(sql)
})
afterAll(async () => db.close())
beforeEach(async () => {
  await sql.query('TRUNCATE worker.intents, email_logs RESTART IDENTITY')
  campaign = await platform.campaign()
  userId = (await platform.person(campaign)).userId
})

function workerctl(...args: readonly string[]): Promise<Ran> {
  return runWorkerctl(args, { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url })
}

/** The object that a verb prints with `--json`. */
async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await workerctl(...args, '--json')
  if (code !== 0) throw new Error(err)
  return JSON.parse(out)
}

const mail = (key: string, columns: Record<string, unknown> = {}) => ({
  group_name: 'email-workers',
  key,
  campaign_id: campaign.campaignId,
  user_id: userId,
  data: { type: 'welcome' },
  ...columns,
})
/** Selects every intent. */
const everything = intentFilter({}, [], [])
const frozen = { envelope: { to: 'guest@example.com', subject: 'Hello', messageId: '<one@example.com>' }, body: Buffer.from('the mail') }

async function states(): Promise<Record<string, string>> {
  const rows = await sql.query<{ key: string; state: string }>('SELECT key, state FROM worker.intents ORDER BY id')
  return Object.fromEntries(rows.map(({ key, state }) => [key, state]))
}

/** The `email_logs` row that the intent's mail has. */
async function logRow(key: string, status: string): Promise<void> {
  await sql.query(
    `INSERT INTO email_logs (id, campaign_id, user_id, recipient_email, subject, type, status)
     VALUES (md5('email-workers:' || $1)::uuid, $2, $3, 'guest@example.com', 'Hello', 'welcome', $4)`,
    [key, campaign.campaignId, userId, status],
  )
}

/** The sentence that a verb is refused with. */
async function refused(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await workerctl('intents', ...args, '--yes')
  expect({ code, out }).toEqual({ code: 1, out: '' })
  return err
}

test('a reason or kind that does not exist is refused; one that only an intent has is not', async () => {
  await insertIntents(sql, mail('a', { state: 'skipped', reason: 'no-stock', kind: 'old-kind' }))
  const sentence =
    'There is no reason "no-endpiont" (did you mean no-endpoint?): give one of docs/reference/states.md, such as these, which intents have now: no-stock.'
  expect(await workerctl('intents', 'list', '--reason', 'no-endpiont')).toMatchObject({ code: 1, out: '', err: sentence })
  expect(await refused('retry', '--state', 'dead', '--reason', 'manual,no-endpiont')).toBe(sentence)
  expect(await refused('cancel', '--kind', 'welcom')).toMatch(
    /^There is no kind "welcom" \(did you mean welcome\?\): give one of mail, .*\bold-kind\.$/,
  )
  expect(await json('intents', 'list', '--reason', 'no-stock', '--kind', 'old-kind')).toMatchObject({ matching: 1 })
  expect(await json('intents', 'list', '--reason', 'no-endpoint', '--kind', 'reward')).toMatchObject({ matching: 0 })
})

test('a confirmed change of intents that have all changed state meanwhile fails, and names one to look at', async () => {
  await insertIntents(sql, mail('a', { state: 'pending' }), mail('b', { state: 'pending' }))
  const environment = { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: db.url }
  const { code, err } = await runWorkerctl(['intents', 'cancel', '--state', 'pending', '--user', userId], environment, async () => {
    expect(await workerctl('intents', 'cancel', '1', '2', '--yes')).toMatchObject({ code: 0 })
    return 'yes'
  })
  expect({ code, err: err.replace(/intents show \d/, 'intents show N') }).toEqual({
    code: 1,
    err: 'Nothing was changed: another operator, or a daemon, has changed all that was selected (2 intents) meanwhile; "intents show N" shows what was done.',
  })
})

test('list filters by state, reason, kind, person, campaign and event, newest first, without addresses', async () => {
  const eventId = randomUUID()
  await insertIntents(
    sql,
    mail('a', { state: 'held', reason: 'reply-lost', event_id: eventId, ...frozen }),
    mail('b', { state: 'dead', reason: 'connection-lost', data: { type: 'milestone' } }),
    mail('c', { state: 'sent', user_id: randomUUID(), campaign_id: randomUUID() }),
  )
  const keysOf = async (...args: string[]) => {
    const { intents } = await json('intents', 'list', ...args)
    return Array.isArray(intents) ? intents.map(({ id }) => id).join(' ') : ''
  }
  expect(await keysOf()).toBe('3 2 1')
  expect(await keysOf('--state', 'held,dead')).toBe('2 1')
  expect(await keysOf('--reason', 'reply-lost')).toBe('1')
  expect(await keysOf('--kind', 'milestone')).toBe('2')
  expect(await keysOf('--kind', 'mail', '--limit', '1')).toBe('3')
  expect(await keysOf('--user', userId.toUpperCase())).toBe('2 1')
  expect(await keysOf('--campaign', campaign.campaignId)).toBe('2 1')
  expect(await keysOf('--event', eventId)).toBe('1')
  expect(await keysOf('--group', 'reward-workers')).toBe('')

  const { out } = await workerctl('intents', 'list', '--limit', '1')
  expect(out).toContain('3 match, the newest 1 are shown: raise --limit for more.')
  const all = [
    (await workerctl('intents', 'list')).out,
    (await workerctl('intents', 'show', '1')).out,
    JSON.stringify(await json('intents', 'show', '1')),
  ]
  expect(all.join()).not.toContain('guest@example.com')
  expect((await workerctl('intents', 'list', '--state', 'cancelled')).out).toBe('No intent matches.')
})

test('list shows the rewards to be delivered by hand, with reward and person', async () => {
  const rewardId = await platform.reward(campaign, { method: 'manual' })
  const userRewardId = await platform.earned(campaign, rewardId, userId)
  await insertIntents(sql, {
    group_name: 'reward-workers',
    kind: 'reward',
    channel: 'webhook',
    key: `reward:${userRewardId}`,
    campaign_id: campaign.campaignId,
    user_id: userId,
    data: { user_reward_id: userRewardId },
    state: 'skipped',
    reason: 'manual',
    finished_at: new Date(),
  })
  const { out } = await workerctl('intents', 'list', '--reason', 'manual')
  for (const text of ['manual', rewardId, userRewardId, userId]) expect(out).toContain(text)
  expect(await json('intents', 'list', '--reason', 'manual')).toMatchObject({ matching: 1, intents: [{ rewardId, userRewardId, userId }] })
})

test('show prints the history of an intent, and refuses an unknown id', async () => {
  const eventId = randomUUID()
  await sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome) VALUES ('email-workers', $1, 'user.signed_up', '\\x00', 't', 3, 12, 'accepted')`,
    [eventId],
  )
  await insertIntents(
    sql,
    mail('held', { state: 'held', reason: 'reply-lost', event_id: eventId, event_at: new Date(), attempt: 2, ambiguous: 1, ...frozen }),
  )
  await logRow('held', 'pending')
  const { code, out } = await workerctl('intents', 'show', '1')
  expect(code).toBe(0)
  for (const text of [
    'Intent 1 of email-workers: mail welcome by email',
    `Event ${eventId} (user.signed_up)`,
    'partition 3, offset 12',
    'It is held (reply-lost): it is unknown whether it was sent',
    'Attempts 2, claims 0, times in doubt 1.',
    '8 bytes are frozen under Message-ID <one@example.com>',
    ': pending.',
  ])
    expect(out).toContain(text)
  await insertIntents(sql, mail('paused'))
  await sql.query(`INSERT INTO worker.pauses (scope, target, owner, reason) VALUES ('channel', 'email', 'ops', 'relay move')`)
  const waits =
    'It waits: the email channel is paused by ops (relay move) until it is resumed; workerctl resume channel email --owner NAME ends the pause.'
  expect((await workerctl('intents', 'show', '2')).out).toContain(waits)
  expect((await workerctl('intents', 'show', '1')).out).not.toContain('It waits')
  expect(await json('intents', 'show', '2')).toMatchObject({ pause: { scope: 'channel', owner: 'ops' } })
  await sql.query(`UPDATE worker.pauses SET ended_at = now()`)
  expect(await json('intents', 'show', '2')).toMatchObject({ pause: null })
  const missing = await workerctl('intents', 'show', '99')
  expect(missing.code).toBe(1)
  expect(missing.err).toContain('There is no intent 99')
})

test('retry shows its plan, changes nothing without --yes, and gives dead, rejected and skipped intents all their attempts', async () => {
  await insertIntents(
    sql,
    ...['dead', 'rejected', 'skipped', 'cancelled'].map((state) =>
      mail(state, { state, reason: 'x', attempt: 9, waiting_since: new Date(), finished_at: new Date() }),
    ),
    mail('sent', { state: 'sent', finished_at: new Date() }),
    mail('running', { state: 'handing_over', owner: 'w', claims: 1, lease_until: new Date(Date.now() + 60_000) }),
    mail('forgotten', { state: 'dead', reason: 'forgotten', user_id: null }),
  )
  const args = ['intents', 'retry', '--group', 'email-workers']
  const before = await states()
  const plan = await workerctl(...args)
  expect(plan.out).toContain('4 intents will be retried: ')
  expect(plan.out).toContain('Left alone: 1 is forgotten: erased intents cannot be retried.')
  expect(plan.out).toContain('Left alone: 1 is handing_over, held by a worker (try again later).')
  expect(plan.out).toContain('Nothing was changed: add --yes')
  expect((await workerctl(...args, '--dry-run', '--yes')).out).toContain('Dry run')
  expect(await states()).toEqual(before)

  expect(await json(...args, '--yes')).toMatchObject({
    planned: 4,
    unsent: [],
    subjectsOf: 4,
    applied: true,
    missed: 0,
    changed: ['1', '2', '3', '4'],
  })
  expect(await states()).toEqual({ ...before, dead: 'pending', rejected: 'pending', skipped: 'pending', cancelled: 'pending' })
  expect(await rowOf(sql, 'dead')).toMatchObject({ attempt: 0, reason: null, waiting_since: null, finished_at: null, owner: null })
  expect((await workerctl(...args, '--yes')).out).toContain('Nothing that matches can be retried.')
})

test('retry of mails in doubt keeps bytes and counters, and warns of a second copy', async () => {
  await insertIntents(sql, mail('held', { state: 'held', reason: 'x', owner: 'old', claims: 3, attempt: 2, ambiguous: 1, ...frozen }))
  const { out } = await workerctl('intents', 'retry', '1', '--yes')
  expect(out).toContain('a second copy has the same bytes and Message-ID')
  expect(await rowOf(sql, 'held')).toMatchObject({ state: 'pending', owner: null, claims: 3, attempt: 2, ambiguous: 1, ...frozen })
})

test('a selection above the limit, an empty one, and invalid ids and states are refused without a change', async () => {
  await insertIntents(
    sql,
    ...['a', 'b', 'c'].map((key) => mail(key, { state: 'dead', finished_at: new Date() })),
    mail('d', { state: 'sent' }),
  )
  expect(await refused('retry', '--state', 'dead', '--limit', '2')).toContain('3 intents match, more than --limit 2')
  expect(await refused('retry')).toContain('Select the intents')
  expect(await refused('retry', '1', '4')).toBe('Not all of these can be changed: 1 is sent. Nothing was changed.')
  expect(await refused('retry', '1', '77')).toContain('No intent that matches has the id 77: ')
  expect(await refused('mark-sent', '1')).toContain('1 is dead, and only held ones can be marked as sent')
  expect(await refused('cancel', 'one')).toContain('"one" is not the id of an intent')
  expect(await refused('retry', '--state', 'done')).toContain('There is no state "done": give one of pending,')
  expect(await refused('retry', '--user', 'guest@example.com')).toMatch(/^--user must be a UUID such as [0-9a-f-]+\.$/)
  expect(await states()).toEqual({ a: 'dead', b: 'dead', c: 'dead', d: 'sent' })
})

test('cancel finishes unfinished intents, drops coalesced ones, and updates delivery logs and reward', async () => {
  const rewardId = await platform.reward(campaign, { method: 'webhook' })
  const userRewardId = await platform.earned(campaign, rewardId, userId)
  await insertIntents(
    sql,
    mail('waiting', { reason: 'campaign-paused' }),
    mail('doubt', { state: 'held', ...frozen }),
    mail('running', { state: 'claimed', owner: 'w', claims: 1, lease_until: new Date(Date.now() + 60_000) }),
    { ...mail('recalculate'), group_name: 'position-workers', kind: 'recalculate', channel: 'leaderboard', coalesce: true, user_id: null },
    { ...mail('reward'), group_name: 'reward-workers', kind: 'reward', channel: 'webhook', data: { user_reward_id: userRewardId } },
  )
  await logRow('doubt', 'pending')
  expect(await json('intents', 'cancel', '--campaign', campaign.campaignId, '--yes')).toMatchObject({ planned: 4, missed: 0 })
  expect(await states()).toEqual({ waiting: 'cancelled', doubt: 'cancelled', running: 'claimed', reward: 'cancelled' })
  expect(await sql.query('SELECT status, error_message FROM email_logs WHERE user_id = $1', [userId])).toEqual([
    { status: 'failed', error_message: 'Cancelled by an operator; it may have gone out.' },
  ])
  expect(await sql.query('SELECT status, delivery_error FROM user_rewards WHERE id = $1', [userRewardId])).toEqual([
    { status: 'earned', delivery_error: 'Not delivered: cancelled.' },
  ])
})

test('mark-sent records the mail as sent and its reward as delivered', async () => {
  const rewardId = await platform.reward(campaign, { method: 'email' })
  const userRewardId = await platform.earned(campaign, rewardId, userId)
  await insertIntents(sql, mail('held', { kind: 'reward', state: 'held', data: { user_reward_id: userRewardId }, ...frozen }))
  await logRow('held', 'pending')
  expect((await workerctl('intents', 'mark-sent', '1', '--yes')).out).toContain('Done: 1 marked as sent.')
  expect(await rowOf(sql, 'held')).toMatchObject({ state: 'sent', reason: 'by-operator', owner: null, body: null })
  expect((await workerctl('intents', 'show', '1')).out).toContain('Its content was deleted once it was sent')
  expect(await sql.query('SELECT status, provider_message_id FROM email_logs WHERE user_id = $1', [userId])).toEqual([
    { status: 'sent', provider_message_id: '<one@example.com>' },
  ])
  expect(await sql.query('SELECT status FROM user_rewards WHERE id = $1', [userRewardId])).toEqual([{ status: 'delivered' }])
})

test('counts, kinds and list of a snapshot agree although workers finish and add intents meanwhile', async () => {
  await insertIntents(sql, mail('first'))
  const filter = { ...everything, states: ['pending'] } satisfies IntentFilter
  const seen = await createIntentAdmin(db, channelList).snapshot(async (reads) => {
    const [counted] = await reads.counts(filter)
    await sql.query(`UPDATE worker.intents SET state = 'sent', finished_at = now()`)
    await insertIntents(sql, mail('second'))
    await insertIntents(sql, mail('third'))
    const [kind] = await reads.kinds(filter)
    const intents = await reads.intents(filter, 10)
    return {
      counted: counted?.count,
      kind: kind?.count,
      intents: intents.map(({ key }) => key),
      list: (await reads.list(filter, 10)).length,
    }
  })
  expect(seen).toEqual({ counted: 1, kind: 1, intents: ['first'], list: 1 })
  expect(await states()).toEqual({ first: 'sent', second: 'pending', third: 'pending' })
})

test('intents that change after the plan, or that a worker has locked, are not touched', async () => {
  await insertIntents(sql, ...['moved', 'claimed', 'locked', 'free'].map((key) => mail(key, { state: 'dead', finished_at: new Date() })))
  const admin = createIntentAdmin(db, channelList)
  const seen = await admin.list(everything, 10)
  await sql.query(`UPDATE worker.intents SET state = 'skipped' WHERE key = 'moved'`)
  await sql.query(`UPDATE worker.intents SET claims = claims + 1 WHERE key = 'claimed'`)
  await db.transaction(async (tx) => {
    await tx.query(`SELECT FROM worker.intents WHERE key = 'locked' FOR UPDATE`)
    expect(await admin.change('retry', seen, () => Promise.resolve())).toEqual(['4'])
  })
  expect(await states()).toEqual({ moved: 'skipped', claimed: 'dead', locked: 'dead', free: 'pending' })
})

test('dead-letters list counts by group and reason, and lists the newest offsets', async () => {
  expect((await workerctl('dead-letters', 'list')).out).toBe('There are no dead letters.')
  await sql.query(
    `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", type, reason, at)
     VALUES ('email-workers', 't', 0, 7, 'user.signed_up', 'invalid-data', now() - interval '1 hour'), ('email-workers', 't', 1, 9, NULL, 'not-json', now()),
            ('reward-workers', 't', 1, 9, NULL, 'not-json', now())`,
  )
  expect(await json('dead-letters', 'list', '--group', 'email-workers', '--limit', '1')).toMatchObject({
    counts: [
      { group: 'email-workers', reason: 'not-json', count: 1 },
      { group: 'email-workers', reason: 'invalid-data', count: 1 },
    ],
    records: [{ partition: 1, offset: '9', reason: 'not-json' }],
  })
  const { out } = await workerctl('dead-letters', 'list', '--reason', 'invalid-data')
  expect(out).toMatch(/email-workers +invalid-data +1 /)
  expect(out).not.toContain('not-json')
})
