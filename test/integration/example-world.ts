import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tempFolder } from '../../stack/temp-folder.ts'
import { knownGroups } from '../../src/consumers/registry.ts'
import { createKafkaClient } from '../../src/infra/kafka/client/kafka-client.ts'
import { letterFingerprint } from '../../src/model/letter-fingerprint.ts'
import { insertIntents } from '../contract/postgres/intent-rows.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { runWorkerctl, type Ran } from './workerctl-fixture.ts'

/** The ids in the examples of `--help`; the world has them all. */
export const ids = {
  account: '5b0f0c52-1f6f-4c0e-9a55-2f6c0f6f7f10',
  campaign: '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33',
  user: 'b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55',
  event: '550e8400-e29b-41d4-a716-446655440000',
  reward: '3f1c2a90-6f0e-4f5b-8a37-52a4f4d0c7b1',
  endpoints: ['7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11', '7c1f0f3e-64a0-4c1f-9d0b-2d1f2a4b5c6d'],
} as const

/** Partition 3 goes from the 1,200th record to the 4,711th, which the examples name. */
const [FIRST, LETTER] = [1_200, 4_711]
/** Effects and dead letters that the examples confirm. */
const [EFFECTS, LETTERS] = [120, 12]
const ERROR = 'TypeError at src/consumers/email/email-consumer.ts:10'
const HOUR_MS = 3_600_000

/** What the examples of `--help` are run in: everything that they name is there. */
export interface ExampleWorld extends AsyncDisposable {
  readonly fixture: Fixture
  /** The same example with what only this world has: its topic, a fingerprint that is computed, and files in a folder of its own. */
  readonly substituted: (args: readonly string[]) => readonly string[]
  readonly run: (args: readonly string[], environment?: Readonly<Record<string, string>>) => Promise<Ran>
  /** A file of the examples, such as `events.json`. */
  readonly write: (name: string, text: string) => Promise<void>
  readonly read: (name: string) => Promise<string>
  /** Replaces all intents by 4711 and 4712 in this state, the second for this reason. */
  readonly intents: (state: string, reason?: string) => Promise<void>
  /** Every group has read everything. */
  readonly caughtUp: () => Promise<void>
  /** Every dead letter is open again. */
  readonly reopened: () => Promise<unknown>
}

export async function createExampleWorld(): Promise<ExampleWorld> {
  const fixture = await createFixture({ groups: knownGroups.groups })
  const folder = tempFolder('examples')
  await runWorkerctl(['migrate'], fixture.variables)
  await seedPlatform(fixture)
  await seedLog(fixture)
  await seedTables(fixture)
  const fingerprint = letterFingerprint({ reason: 'consumer-error', type: 'user.signed_up', error: ERROR })
  const substitutes: Readonly<Record<string, string>> = { 'domain-events': fixture.topic, '0123456789ab': fingerprint }
  const files = new Set(['diagnosis.json', 'events.json', 'event.json', 'test/unit/dead-letters'])
  const pathOf = (name: string) => join(folder.path, name)
  return {
    fixture,
    substituted: (args) => args.map((word) => (files.has(word) ? pathOf(word) : (substitutes[word] ?? word))),
    run: (args, environment) => runWorkerctl(args, { ...fixture.variables, ...environment }),
    write: (name, text) => writeFile(pathOf(name), text),
    read: (name) => readFile(pathOf(name), 'utf8'),
    intents: async (state, reason = 'endpoint-unavailable') => {
      await fixture.sql.query('TRUNCATE worker.intents')
      await fixture.sql.query('ALTER TABLE worker.intents ALTER COLUMN id RESTART WITH 4711')
      const group = { group_name: fixture.group('email-workers'), campaign_id: ids.campaign, user_id: ids.user, event_id: ids.event, state }
      await insertIntents(
        fixture.sql,
        { ...group, key: 'mail', reason: 'no-endpoint', data: { type: 'welcome' } },
        { ...group, key: 'reward', kind: 'reward', channel: 'webhook', reason, destination: ids.endpoints[1] },
      )
    },
    caughtUp: () => catchUp(fixture),
    reopened: () => fixture.sql.query(`UPDATE worker.dead_letters SET state = 'open', requested_at = NULL`),
    [Symbol.asyncDispose]: async () => {
      await folder.remove()
      await fixture[Symbol.asyncDispose]()
    },
  }
}

/** An account, a campaign, the person of the examples with a reward, and two endpoints. */
async function seedPlatform({ sql, webhooks }: Fixture): Promise<void> {
  const platform = new Platform(sql)
  const made = await platform.campaign()
  await sql.query(`INSERT INTO accounts (id, name, slug, status) VALUES ($1, 'An account', 'examples', 'active')`, [ids.account])
  await sql.query('UPDATE campaigns SET id = $1, account_id = $2 WHERE id = $3', [ids.campaign, ids.account, made.campaignId])
  const campaign = { accountId: ids.account, campaignId: ids.campaign }
  const person = { ranked_score: 1, ranked_ppr: 1, created_at: new Date(Date.now() - HOUR_MS) }
  await platform.person(campaign, { ...person, id: ids.user, email: 'Guest@Example.com' })
  const userRewardId = await platform.earned(campaign, await platform.reward(campaign, { method: 'email' }), ids.user)
  await sql.query('UPDATE user_rewards SET id = $1 WHERE id = $2', [ids.reward, userRewardId])
  for (const endpoint of ids.endpoints) {
    const hook = await platform.webhook(campaign, webhooks.endpoint('/hook').url, 'whsec_0123456789abcdef0123')
    await sql.query('UPDATE webhooks SET id = $2, campaign_id = NULL WHERE id = $1', [hook, endpoint])
  }
}

const about = { account_id: ids.account, campaign_id: ids.campaign, timestamp: '2026-01-31T12:00:00Z' }

function recordOf(type: string, id: string, data: object) {
  return {
    key: ids.campaign,
    value: JSON.stringify({ id, type, ...about, data: { campaign_id: ids.campaign, ...data } }),
    headers: { 'event-type': type, 'event-id': id },
  }
}

/** Sign-ups that no group has handled, one of an address that is suppressed, and a record in partition 3 at the offset of the examples whose address is missing. */
async function seedLog({ sql, topic, variables }: Fixture): Promise<void> {
  const people = await new Platform(sql).crowd({ accountId: ids.account, campaignId: ids.campaign }, EFFECTS)
  const signUps = [{ userId: ids.user, email: 'guest@example.com' }, ...people].map(({ userId, email }, index) =>
    recordOf('user.signed_up', index === 0 ? ids.event : crypto.randomUUID(), { user_id: userId, email }),
  )
  const others = Array.from({ length: LETTER }, () => ({ key: ids.campaign, value: '{}', headers: { 'event-type': 'audit.unhandled' } }))
  const letter = recordOf('user.signed_up', crypto.randomUUID(), { user_id: ids.user })
  const earned = recordOf('reward.earned', crypto.randomUUID(), { user_id: ids.user, user_reward_id: ids.reward, reward_id: ids.reward })
  const { kafka, destroyConnections } = createKafkaClient(
    { brokers: (variables['KAFKA_BROKERS'] ?? '').split(','), clientId: 'examples' },
    { retries: 5 },
  )
  const [producer, admin] = [kafka.producer({ idempotent: false }), kafka.admin()]
  try {
    await Promise.all([producer.connect(), admin.connect()])
    const inPartition = (partition: number, records: readonly { key: string; value: string; headers: Record<string, string> }[]) =>
      producer.send({ topic, messages: records.map((record) => ({ ...record, partition })) })
    await inPartition(0, [...signUps, earned])
    await inPartition(3, [...others, letter])
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 3, offset: String(FIRST) }] })
  } finally {
    await Promise.allSettled([producer.disconnect(), admin.disconnect()])
    destroyConnections()
  }
}

/** What groups that have read everything, and failed at some of it, leave in the database. */
async function seedTables(fixture: Fixture): Promise<void> {
  const { sql, topic, groups } = fixture
  await catchUp(fixture)
  for (const name of groups) {
    // Since when the group runs: facts before it need no outcome.
    await sql.query(
      `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome, at)
       VALUES ($1, gen_random_uuid(), 'campaign.milestone_reached', '\\x00', $2, 0, 0, 'accepted', now() - interval '30 days')`,
      [fixture.group(name), topic],
    )
  }
  await sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome, effects)
     VALUES ($1, $2, 'user.signed_up', '\\x00', $3, 0, 0, 'accepted', '{mail}')`,
    [fixture.group('reward-workers'), ids.event, topic],
  )
  const letters = [
    [3, LETTER, 'invalid-data', 'open', null],
    [0, 100, 'unsupported-version', 'open', null],
    [0, 101, 'unsupported-version', 'requested', null],
    ...Array.from({ length: LETTERS }, (_, index) => [0, index + 1, 'consumer-error', 'open', ERROR] as const),
  ] as const
  for (const [partition, offset, reason, state, error] of letters) {
    await sql.query(
      `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", type, reason, state, requested_at, error)
       VALUES ($1, $2, $3, $4, 'user.signed_up', $5, $6, CASE $6 WHEN 'requested' THEN now() END, $7)`,
      [fixture.group('email-workers'), topic, partition, offset, reason, state, error],
    )
  }
  await sql.query('ALTER TABLE worker.replay_jobs ALTER COLUMN id RESTART WITH 12')
  await sql.query('ALTER TABLE worker.outbox ALTER COLUMN position RESTART WITH 4711')
  await sql.query(
    `INSERT INTO worker.outbox (id, aggregatetype, aggregateid, type, topic, payload, failed_at, reason, error)
     SELECT gen_random_uuid(), 'campaign', 'key', 'user.signed_up', $1, '{}', now(), 'unknown-topic', 'the topic does not exist' FROM generate_series(1, 2)`,
    [topic],
  )
  await sql.query(
    `INSERT INTO worker.suppressions (account_id, address_hash, reason, at)
     VALUES ($1, worker.address_hash('guest@example.com'), 'bounced', '2030-01-31T12:30:00Z')`,
    [ids.account],
  )
  await sql.query(`INSERT INTO worker.position_changes VALUES ($1, $2, now(), NULL, 9, 4, 10, 5)`, [ids.user, ids.campaign])
  await sql.query(`INSERT INTO analytics.event_counts VALUES ($1, '2026-11-01', 'user.signed_up', 3)`, [ids.campaign])
}

/** Progress rows and committed offsets at the end of the log. */
async function catchUp(fixture: Fixture): Promise<void> {
  const { sql, admin, topic, groups } = fixture
  const ends = new Map([...(await admin.ranges(topic))].map(([partition, { high }]) => [partition, high]))
  for (const name of groups) {
    for (const [partition, end] of ends) {
      await sql.query(
        `INSERT INTO worker.progress (group_name, topic, partition, next_offset, exempt_below) VALUES ($1, $2, $3, $4, 0)
         ON CONFLICT (group_name, topic, partition) DO UPDATE SET next_offset = $4`,
        [fixture.group(name), topic, partition, end],
      )
    }
    await admin.setCommitted(fixture.group(name), topic, ends)
  }
}
