import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import type { IntentStore } from '../../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { handoverBatch } from '../../../src/infra/postgres/intents/handover-batch.ts'
import { rewardRows } from '../../../src/consumers/reward/reward-rows.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { request } from './intent-rows.ts'
import { insertCampaign, insertUser, insertWebhook } from './platform-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { settleOne, startOne } from '../../support/write-one.ts'

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Actual Rows': number
  readonly 'Parent Relationship'?: string
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Node[]
}

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
  await database.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, class, state, due_at, campaign_id)
     SELECT 'mailers', 'mail', 1, 'email', n::text,
            CASE WHEN n % 10 < 5 THEN 'live' WHEN n % 10 < 9 THEN 'broadcast' ELSE 'replay' END,
            CASE WHEN n % 4 = 0 THEN 'sent' ELSE 'pending' END,
            now() - n * interval '1 ms' + CASE WHEN n % 3 = 0 THEN interval '1 day' ELSE interval '0' END, gen_random_uuid()
       FROM generate_series(1, 200000) AS n`,
  )
  await database.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, due_at, campaign_id, destination, reason)
     SELECT 'mailers', 'mail', 1, 'webhook', 'deferred ' || n, now() + interval '1 hour', gen_random_uuid(), 'endpoint-' || n % 3, 'endpoint-open'
       FROM generate_series(1, 30000) AS n`,
  )
  // Intents that were attempted or have waited and are due again, and some that wait for their turn under a rate.
  await database.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, due_at, campaign_id, attempt, waiting_since, reason)
     SELECT g, 'mail', 1, 'email', 'again ' || n, now() + CASE g WHEN 'tried' THEN interval '-1 s' ELSE interval '30 s' END, gen_random_uuid(),
            CASE g WHEN 'tried' THEN n % 2 ELSE 0 END, now() - interval '1 hour', CASE g WHEN 'throttled' THEN 'domain-rate' END
       FROM generate_series(1, 50000) AS n, unnest('{tried,throttled}'::text[]) AS g`,
  )
})
afterAll(() => database.close())

/** The one statement that `use` sends. */
async function statementSent(use: (sql: Sql) => Promise<unknown>) {
  let sent: { text: string; parameters: readonly unknown[] | undefined } | undefined
  await use({
    query: async <Row extends object>(text: string, parameters?: readonly unknown[]): Promise<Row[]> => {
      sent = { text, parameters }
      return []
    },
  })
  if (sent === undefined) throw new Error('no statement was sent')
  return sent
}

/** The one statement that the store runs for `use`. */
function statementOf(use: (store: IntentStore) => Promise<unknown>) {
  return statementSent((sql) => use(createIntentStore({ ...database, sql, transaction: (work) => work(sql) }, { channels: channelNames })))
}

/** The plan, with what was really read, of the one statement that `use` runs; undone. */
async function planOf(use: (store: IntentStore) => Promise<unknown>): Promise<Node[]> {
  const { text, parameters } = await statementOf(use)
  const undo = new Error('undo')
  let plan: Node | undefined
  await database
    .transaction(async (tx) => {
      const [row] = await tx.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, parameters)
      plan = row?.['QUERY PLAN'][0].Plan
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
  return plan ? flat(plan) : []
}

function flat(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)]
}

const onIntents = (nodes: readonly Node[]) =>
  nodes.filter((node) => node['Relation Name'] === 'intents' && node['Node Type'] !== 'ModifyTable')
const touched = (node: Node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)

describe.each(['before the first analyze', 'analyzed'])('on 200,000 rows, %s', (when) => {
  beforeAll(() => database.sql.query(when === 'analyzed' ? 'ANALYZE worker.intents' : 'SELECT'))

  it.each([
    { order: ['live', 'broadcast', 'replay'] },
    { order: ['broadcast', 'live', 'replay'] },
    { order: ['replay', 'live', 'broadcast'] },
    { order: ['live'] },
  ] as const)('claim reads the due index only as far as necessary ($order)', async ({ order }) => {
    const nodes = onIntents(await planOf((store) => store.claim(request({ limit: 20, order }))))
    // Besides the look whether a live one is due, which deferred intents of replays wait for.
    const walks = nodes.filter((node) => node['Index Name'] === 'intents_due' && node['Parent Relationship'] !== 'InitPlan')
    expect(walks).toHaveLength(order.length)
    // One more than requested, which makes up for a lock that was lost.
    for (const node of nodes) expect(touched(node)).toBeLessThanOrEqual(21)
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan')
  })

  it('claim neither reads nor sorts deferred intents, and finds them by destination', async () => {
    const deferred = [
      { destination: 'endpoint-1', permits: 2 },
      { destination: 'endpoint-2', permits: 2 },
    ]
    const nodes = onIntents(await planOf((store) => store.claim(request({ channel: 'webhook', limit: 20, deferred }))))
    expect(nodes.filter((node) => node['Index Name'] === 'intents_parked')).toHaveLength(1)
    for (const node of nodes) expect(touched(node)).toBeLessThanOrEqual(21)
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan')
  })

  it('deferred destinations cost one index probe each', async () => {
    const each = onIntents(await planOf((store) => store.deferredDestinations('mailers', 'webhook', '', 100)))
    expect(new Set(each.map((node) => node['Index Name']))).toEqual(new Set(['intents_parked']))
    for (const node of each) expect(touched(node)).toBeLessThanOrEqual(1)
  })

  it.each(['mailers', 'tried', 'throttled'])('countDue reads no more than it counts (%s)', async (group) => {
    const nodes = onIntents(await planOf((store) => store.countDue(group, channelNames, 1_000)))
    expect(new Set(nodes.map((node) => node['Index Name']))).toEqual(new Set(['intents_due', 'intents_throttled']))
    for (const node of nodes) expect(touched(node)).toBeLessThanOrEqual(1_000)
    expect(await createIntentStore(database, { channels: channelNames }).countDue(group, channelNames, 1_000)).toBe(1_000)
  })

  it('the due check probes the due index once for each channel and class', async () => {
    const nodes = onIntents(await planOf((store) => store.isDue('mailers', channelNames)))
    expect(new Set(nodes.map((node) => node['Index Name']))).toEqual(new Set(['intents_due']))
    for (const node of nodes) expect(touched(node)).toBeLessThanOrEqual(1)
  })

  it('expireLeases reads no more than its batch', async () => {
    const nodes = onIntents(await planOf((store) => store.expireLeases({ hold: false, ambiguousRetryMs: 0 })))
    for (const node of nodes) expect(touched(node)).toBeLessThanOrEqual(500)
  })

  it.each([1, 50])('start and settle find %s rows by their keys, whatever other leases exist', async (limit) => {
    const intents = await createIntentStore(database, { channels: channelNames }).claim(request({ limit }))
    const frozen = { envelope: {}, body: Buffer.of(1) }
    const starts = await planOf((store) =>
      Promise.all(intents.map((intent) => startOne(store, { intent, state: 'claimed', leaseMs: 60_000, deliveryLog: null }, frozen))),
    )
    const settles = await planOf((store) =>
      Promise.all(
        intents.map((intent) => settleOne(store, intent, { is: 'final', state: 'sent', reason: null }, { deliveryLog: null, reply: {} })),
      ),
    )
    for (const nodes of [onIntents(starts), onIntents(settles)]) {
      expect(nodes.map((node) => node['Index Name'])).toEqual(['intents_pkey'])
      for (const node of nodes) expect(touched(node)).toBeLessThanOrEqual(limit)
    }
  })
})

describe.each([0, 100])('plans cached when the tables had %i rows', (count) => {
  let small: MigratedDatabase
  beforeAll(async () => {
    small = await migratedDatabase()
    if (count === 0) return
    const campaignId = await insertCampaign(small.sql)
    const userId = await insertUser(small.sql, campaignId)
    const webhookId = await insertWebhook(small.sql, campaignId)
    await small.sql.query(
      `INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id)
       SELECT 'mailers', 'mail', 1, 'email', n::text, $2::uuid FROM generate_series(1, $1::int) AS n`,
      [count, campaignId],
    )
    await small.sql.query(
      `INSERT INTO email_logs (id, campaign_id, user_id, recipient_email, subject, type)
       SELECT gen_random_uuid(), $2::uuid, $3::uuid, 'to@example.com', 'subject', 'welcome' FROM generate_series(1, $1::int)`,
      [count, campaignId, userId],
    )
    await small.sql.query(
      `INSERT INTO webhook_deliveries (id, webhook_id, event_type, payload)
       SELECT gen_random_uuid(), $2::uuid, 'reward.earned', '{}' FROM generate_series(1, $1::int)`,
      [count, webhookId],
    )
    await small.sql.query('ANALYZE')
  })
  afterAll(() => small.close())

  it.each(['email_logs', 'webhook_deliveries'] as const)('use keys: start, settle, and both in one, with %s', async (deliveryLog) => {
    const [intent] = await createIntentStore(database, { channels: channelNames }).claim(request({ limit: 1 }))
    if (intent === undefined) throw new Error('nothing is due')
    const frozen = { envelope: {}, body: Buffer.of(1) }
    const settlement = { is: 'final', state: 'sent', reason: null } as const
    const start = { intent, state: 'claimed', leaseMs: 60_000, deliveryLog, frozen } as const
    const outcome = { intent, settlement, reply: {} }
    const statements = [
      await statementOf((store) => startOne(store, { intent, state: 'claimed', leaseMs: 60_000, deliveryLog }, frozen)),
      await statementOf((store) => settleOne(store, intent, settlement, { deliveryLog, reply: {} })),
      await statementSent((sql) =>
        handoverBatch(
          [
            { is: 'outcome', outcome },
            { is: 'start', start },
          ],
          deliveryLog,
          sql,
          'brief',
        ),
      ),
    ]
    for (const { text } of statements) {
      const [row] = await small.sql.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`)
      const nodes = row ? flat(row['QUERY PLAN'][0].Plan) : []
      expect(new Set(onIntents(nodes).map((node) => node['Index Name']))).toEqual(new Set(['intents_pkey']))
      const onDeliveryLog = nodes.filter((node) => node['Relation Name'] === deliveryLog && node['Node Type'] !== 'ModifyTable')
      expect(onDeliveryLog.map((node) => node['Node Type'])).not.toContain('Seq Scan')
    }
  })

  it('use keys: start and settle with the rows of rewards', async () => {
    const [intent] = await createIntentStore(database, { channels: channelNames }).claim(request({ limit: 1 }))
    if (intent === undefined) throw new Error('nothing is due')
    const reward = { ...intent, data: { user_reward_id: '00000000-0000-4000-8000-0000000000f1' } }
    const frozen = { envelope: {}, body: Buffer.of(1) }
    const starting = { intent: reward, state: 'claimed', leaseMs: 60_000, deliveryLog: 'webhook_deliveries' } as const
    const ofKind = { rows: rewardRows, values: ['00000000-0000-4000-8000-0000000000f1', null] }
    const outcome = { ok: true, final: true, reason: null }
    const kindOutcome = { outcome, record: async () => [undefined], kindRows: rewardRows }
    const statements = [
      await statementOf((store) => startOne(store, { ...starting, ofKind }, frozen)),
      await statementOf((store) =>
        settleOne(
          store,
          reward,
          { is: 'final', state: 'delivered', reason: null },
          { deliveryLog: 'webhook_deliveries', reply: {}, kindOutcome },
        ),
      ),
    ]
    for (const { text } of statements) {
      const [row] = await small.sql.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`)
      const nodes = row ? flat(row['QUERY PLAN'][0].Plan) : []
      expect(new Set(onIntents(nodes).map((node) => node['Index Name']))).toEqual(new Set(['intents_pkey']))
      const onOthers = nodes.filter((node) => node['Relation Name'] !== undefined && node['Node Type'] !== 'ModifyTable')
      expect(onOthers.map((node) => node['Node Type'])).not.toContain('Seq Scan')
      const onRewards = onOthers.filter((node) => node['Relation Name'] === 'user_rewards')
      expect(onRewards.map((node) => node['Index Cond'])).toEqual(['(id = k.user_reward_id)'])
    }
  })
})
