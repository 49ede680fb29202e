import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { channelNames } from '../../src/daemon/compose/channels.ts'
import { createPublisher } from '../../src/events/publisher.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import { createIntentStore } from '../../src/infra/postgres/intents/postgres-intent-store.ts'
import { createLeaderboard } from '../../src/leaderboard/postgres-leaderboard.ts'
import { claimOne, insertIntents, rowOf } from '../contract/postgres/intent-rows.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { runWorkerctl, createWorkerctlFixture, type WorkerctlFixture } from './workerctl-fixture.ts'
import { settleOne, startOne } from '../support/write-one.ts'

const address = 'guest@example.com'
const frozen = { envelope: { to: address, subject: 'Hello', messageId: '<one@example.com>' }, body: Buffer.from(`To: ${address}`) }

async function guest(s: WorkerctlFixture) {
  const platform = new Platform(s.database.sql)
  const campaign = await platform.campaign()
  const { userId } = await platform.person(campaign, { email: address })
  return { platform, campaign, userId }
}

/** Everything in our tables, and in the one of the platform's that we erase, as text. */
async function kept({ database: { sql } }: WorkerctlFixture): Promise<string> {
  const rows = await sql.query<{ text: string }>(
    `SELECT i::text || convert_from(coalesce(i.body, ''), 'UTF8') AS text FROM worker.intents AS i UNION ALL SELECT payload::text FROM webhook_deliveries`,
  )
  return rows.map(({ text }) => text).join('\n')
}

test('forget erases mails, data and payloads of a person and cancels unfinished intents; keys and other people stay', async () => {
  await using s = await createWorkerctlFixture({ partitions: 1 })
  const { platform, campaign, userId } = await guest(s)
  const other = (await platform.person(campaign)).userId
  const { sql } = s.database
  const mine = (key: string, columns: Record<string, unknown>) => ({ key, campaign_id: campaign.campaignId, user_id: userId, ...columns })
  await insertIntents(
    sql,
    mine('sent', { state: 'sent', finished_at: new Date(), ...frozen }),
    mine('held', { state: 'held', owner: 'w', ...frozen }),
    mine('pending', { data: { type: 'welcome', name: address } }),
    { ...mine('reward', { state: 'delivered', ...frozen }), group_name: 'reward-workers', channel: 'webhook' },
    { ...mine('theirs', { data: { type: 'welcome' } }), user_id: other },
  )
  const hook = await platform.webhook(campaign, 'https://example.com/hook', 's')
  await sql.query(
    `INSERT INTO webhook_deliveries (id, webhook_id, event_type, payload, status) VALUES (md5('reward-workers:reward')::uuid, $1, 'reward.delivered', $2, 'success')`,
    [hook, JSON.stringify({ email: address })],
  )
  await sql.query(
    `INSERT INTO email_logs (campaign_id, user_id, recipient_email, subject, type, status) VALUES ($1, $2, $3, 'Hello', 'welcome', 'sent')`,
    [campaign.campaignId, userId, address],
  )

  const letters = deadLetterTopic(s.topic, s.group)
  await s.admin.createTopic({ name: letters, partitions: 1, config: { 'retention.ms': '-1' } })

  const before = await kept(s)
  const dry = await s.workerctl(['forget', '--user', userId, '--dry-run'])
  expect(dry.code).toBe(0)
  for (const text of [
    `4 intents of person ${userId}`,
    'of these 2 unfinished ones will be cancelled',
    '1 row of webhook_deliveries',
    "The platform's row is not deleted",
    'it has 1 row of this person',
    'DEDUPE_DAYS=90 and a day',
    `Topic ${s.topic} keeps its events, which may hold the address, for 30 days`,
    `Topic ${letters} keeps its events, which may hold the address, forever`,
    'Dry run: nothing was changed.',
  ])
    expect(dry.out).toContain(text)
  expect(await kept(s)).toBe(before)

  // A publisher may have taken an address as its id of the request.
  await sql.query(`UPDATE worker.intents SET correlation_id = $1 WHERE key = 'sent'`, [address])
  const { out, code } = await s.workerctl(['forget', '--user', userId.toUpperCase(), '--yes', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ user: userId, deliveries: 1, mails: 1, person: 'present', applied: true, erased: 4, since: 0 })
  const after = await kept(s)
  for (const secret of [address, userId, 'Hello', '<one@example.com>']) expect(after).not.toContain(secret)
  expect(await rowOf(sql, 'sent')).toMatchObject({ state: 'sent', reason: 'forgotten', body: null, envelope: null, data: {} })
  for (const key of ['held', 'pending']) expect(await rowOf(sql, key)).toMatchObject({ state: 'cancelled', owner: null, body: null })
  expect(await rowOf(sql, 'theirs')).toMatchObject({ state: 'pending', data: { type: 'welcome' } })

  expect((await s.workerctl(['intents', 'retry', '--reason', 'forgotten', '--yes'])).out).toContain('Nothing that matches can be retried.')
  expect((await s.workerctl(['forget', '--user', userId])).out).toContain(`No intent names person ${userId}.`)
})

test("forget erases a person's movements in leaderboards, keeps those of others, and reports one that is added meanwhile", async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const { platform, campaign, userId } = await guest(s)
  const other = (await platform.person(campaign)).userId
  const { sql } = s.database
  const recalculate = () =>
    s.database.transaction((tx) => createLeaderboard(s.database, { history: 'top' }).recalculate(campaign.campaignId, tx, false))
  const movements = async () =>
    (await sql.query<{ user_id: string }>('SELECT user_id FROM worker.position_changes')).map((row) => row.user_id)
  await recalculate()
  await sql.query('UPDATE waitlist_users SET verified_referral_count = 5 WHERE id = $1', [other])
  await recalculate()

  const dry = await s.workerctl(['forget', '--user', userId, '--dry-run'])
  expect(dry.out).toContain('2 movements in leaderboards (position_changes): they are deleted.')
  expect(dry.out).toContain('The person is still ranked: the recalculation that removes the person may record a movement')
  expect(await movements()).toHaveLength(4)
  expect((await s.workerctl(['forget', '--user', userId, '--yes'])).out).toContain('Done: 0 intents and 2 movements erased.')
  expect(await movements()).toEqual([other, other])

  await sql.query('DELETE FROM waitlist_users WHERE id = $1', [userId])
  expect((await s.workerctl(['forget', '--user', userId, '--yes'])).out).not.toContain('still ranked')
  const { out } = await s.workerctl(['forget', '--user', other, '--yes', '--json'])
  expect(JSON.parse(out)).toMatchObject({ movements: 2, ranked: true, erased: 0, erasedMovements: 2, since: 0 })
  expect(await movements()).toEqual([])
})

test("forget deletes a person's events from the outbox, and neither those of others nor those that are about to be published", async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const { campaign, userId } = await guest(s)
  const publisher = createPublisher({ transport: { send: () => Promise.reject(new Error('only in transactions')) }, topic: s.topic })
  const { sql } = s.database
  const publish = (person: string) =>
    s.database.transaction((tx) =>
      publisher.inTransaction(tx).publishUserSignedUp({ ...campaign, userId: person, email: 'guest@example.com' }),
    )
  for (const person of [userId, userId, userId, randomUUID()]) await publish(person)
  await sql.query(`UPDATE worker.outbox SET payload = replace(payload, $1, upper($1)) WHERE position = 2`, [userId])
  await sql.query('UPDATE worker.outbox SET published_at = now() WHERE position IN (1, 4)')
  await sql.query(`UPDATE worker.outbox SET failed_at = now() WHERE position = 2`)
  const { out } = await s.workerctl(['forget', '--user', userId, '--dry-run'])
  expect(out).toContain('2 events in worker.outbox: they are deleted')
  expect(out).toContain('1 event in worker.outbox waits to be published: run the command again once they are (workerctl outbox list).')
  expect((await s.workerctl(['forget', '--user', userId, '--yes'])).out).toContain('2 events deleted from worker.outbox.')
  expect(await sql.query('SELECT position FROM worker.outbox ORDER BY position')).toEqual([{ position: '3' }, { position: '4' }])
})

test('forget waits for a mail that a worker holds, and erases it once it is sent', async () => {
  await using s = await createWorkerctlFixture({ partitions: 1 })
  const { campaign, userId } = await guest(s)
  const { sql } = s.database
  await insertIntents(sql, { key: 'mail', campaign_id: campaign.campaignId, user_id: userId })
  const store = createIntentStore(s.database, { channels: channelNames })
  const intent = await claimOne(store)
  const request = { intent, state: 'handing_over', leaseMs: 60_000, deliveryLog: null } as const
  expect(await startOne(store, request, frozen)).toBe('started')

  const forgetting = s.workerctl(['forget', '--user', userId, '--yes'])
  await eventually('forget looks again and again', async () => {
    const [row] = await sql.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'workerctl' AND datname = current_database() AND query = 'COMMIT'`,
    )
    return (row?.count ?? 0) > 0 || 'not yet'
  })
  expect(await rowOf(sql, 'mail')).toMatchObject({ state: 'handing_over', envelope: frozen.envelope })
  expect(await settleOne(store, intent, { is: 'final', state: 'sent', reason: null }, { deliveryLog: null, reply: {} })).toBe('settled')
  expect(await forgetting).toMatchObject({ code: 0, err: '' })
  expect(await rowOf(sql, 'mail')).toMatchObject({ state: 'sent', reason: 'forgotten', body: null, envelope: null })
})

test('forget refuses an unknown person and an invalid id; unreachable brokers do not prevent an erasure', async () => {
  await using s = await createWorkerctlFixture({ partitions: 1 })
  const bad = await s.workerctl(['forget', '--user', address])
  expect(bad).toMatchObject({ code: 1, out: '' })
  expect(bad.err).toMatch(/^--user must be a UUID such as [0-9a-f-]+\.$/)
  const nobody = randomUUID()
  const away = await s.workerctl(['forget', '--user', nobody, '--yes'], { environment: { KAFKA_BROKERS: '127.0.0.1:1' } })
  expect(away.code).toBe(0)
  expect(away.out).toContain('which the brokers did not report')
  expect(away.out).toContain('Nothing to do.')
})

test('while a daemon runs, a forgotten person gets no more mail, and an event that is read again has no second effect', async () => {
  await using s = await createFixture()
  const platform = new Platform(s.sql)
  const campaign = await platform.campaign({ status: 'paused' })
  const [gone, stays] = [await platform.person(campaign), await platform.person(campaign)]
  const daemon = s.daemon({ CAMPAIGN_PAUSED_RECHECK_MS: '200' })
  await daemon.ready()
  for (const person of [gone, stays]) await s.publisher.publishUserSignedUp({ ...campaign, ...person })
  await eventually('both mails wait', async () => {
    const rows = await s.sql.query(`SELECT FROM worker.intents WHERE reason = 'campaign-paused'`)
    return rows.length === 2 || `${rows.length}`
  })
  const environment = { KAFKA_BROKERS: '127.0.0.1:1', KAFKA_TOPIC: s.topic, DATABASE_URL: s.databaseUrl }
  expect(await runWorkerctl(['forget', '--user', gone.userId, '--yes'], environment)).toMatchObject({ code: 0, err: '' })
  // Only the key is left to say that it was had.
  await s.sql.query('DELETE FROM worker.outcomes')
  await s.sql.query(`UPDATE campaigns SET status = 'active'`)
  await s.publisher.publishUserSignedUp({ ...campaign, ...gone })
  await s.drained()
  expect(s.smtp.mails.map(({ recipients }) => recipients)).toEqual([[stays.email]])
})
