import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TimelineReader } from '../../../src/admin/timeline/timeline-facts.ts'
import { channelList } from '../../../src/daemon/compose/channels.ts'
import { createPersonFinder } from '../../../src/infra/postgres/admin/postgres-person-finder.ts'
import { createTimelineReader } from '../../../src/infra/postgres/admin/postgres-timeline.ts'
import type { Sql } from '../../../src/std/sql.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { insertCampaign, insertUser } from './platform-rows.ts'

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Node[]
}

const ROWS = 100_000
const groups = ['email-workers', 'reward-workers']
const [eventId, intents] = [randomUUID(), 3]
let database: MigratedDatabase
let userId: string
let campaignId: string

beforeAll(async () => {
  database = await migratedDatabase()
  const { sql } = database
  campaignId = await insertCampaign(sql)
  userId = await insertUser(sql, campaignId)
  await sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, state, campaign_id, user_id, event_id, data)
     SELECT 'email-workers', 'mail', 1, 'email', n::text, CASE WHEN n % 2 = 0 THEN 'sent' ELSE 'pending' END, $1, gen_random_uuid(), gen_random_uuid(), '{"type":"welcome"}'
       FROM generate_series(1, ${ROWS}) AS n`,
    [campaignId],
  )
  // The oldest, so that a walk along the primary key from its end reads all others first.
  await sql.query(`UPDATE worker.intents SET user_id = $1, event_id = $2 WHERE id <= $3`, [userId, eventId, intents])
  await sql.query(
    `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome, effects)
     SELECT 'email-workers', CASE n WHEN 1 THEN $1::uuid ELSE gen_random_uuid() END, 'user.signed_up', '\\x00', 't', 0, n, 'accepted', '{1,2,3}'
       FROM generate_series(1, ${ROWS}) AS n`,
    [eventId],
  )
})
afterAll(() => database.close())

/** The nodes of the plans of every statement that `use` sends, each run once. */
async function nodesOf(use: (sql: Sql) => Promise<unknown>): Promise<readonly Node[]> {
  const nodes: Node[] = []
  await use({
    query: async <Row extends object>(text: string, parameters?: readonly unknown[]): Promise<Row[]> => {
      const [row] = await database.sql.query<{ 'QUERY PLAN': [{ Plan: Node }] }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, parameters)
      if (row !== undefined) nodes.push(...flat(row['QUERY PLAN'][0].Plan))
      return database.sql.query<Row>(text, parameters)
    },
  })
  return nodes
}

function flat(node: Node): readonly Node[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)]
}

const touched = (node: Node) => (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops']
const large = (nodes: readonly Node[]) => nodes.filter((node) => ['intents', 'outcomes'].includes(node['Relation Name'] ?? ''))
const reading = (use: (reader: TimelineReader) => Promise<unknown>) => (sql: Sql) => use(createTimelineReader(sql, channelList))

describe.each(['before the first analyze', 'analyzed'])('on 100,000 intents and outcomes, %s', (when) => {
  beforeAll(() => database.sql.query(when === 'analyzed' ? 'ANALYZE' : 'SELECT'))

  it.each([
    ['the intents of an event', reading((reader) => reader.intentsOfEvent(groups, eventId))],
    ['the outcomes of some events', reading((reader) => reader.outcomes(groups, [eventId, randomUUID()]))],
    ['the logs of some intents', reading((reader) => reader.logged(['1', '2', '3']))],
  ] as const)('%s cost what they hold', async (_, use) => {
    const nodes = large(await nodesOf(use))
    expect(nodes.length).toBeGreaterThan(0)
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan')
    for (const node of nodes) expect(touched(node)).toBeLessThanOrEqual(2 * intents)
  })

  it.each([
    [
      'a person, with rewards, movements and suppressions',
      reading(async (reader) => [
        await reader.person(userId),
        await reader.facts(userId),
        await reader.suppressions(campaignId, 'a@example.com'),
        await reader.rewards({ userId }, 9),
        await reader.movements({ userId, campaignId: null }, null, 9),
      ]),
    ],
    ['a person by address', (sql: Sql) => createPersonFinder(sql).byAddress('a@example.com')],
    ['a letter by event', reading((reader) => reader.deadLetters(groups, { eventIds: [eventId] }, 9))],
  ] as const)('%s is found without intents and outcomes', async (_, use) => {
    expect(large(await nodesOf(use))).toEqual([])
  })
})
