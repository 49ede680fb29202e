import { readFile } from 'node:fs/promises'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { migrate } from '../../src/infra/postgres/schema/migrate-schema.ts'
import type { Sql } from '../../src/std/sql.ts'
import { sqlArray } from '../../src/std/sql-array.ts'
import { sqlIdOf } from './ids.ts'

/** Of every endpoint. */
export const SECRET = `whsec_${Buffer.from('of the bench, 24 bytes..').toString('base64')}`

/**
 * Fills a new database with what every contender works on: the platform's tables with a tenant for each of `endpoints`, `people` of them in turn,
 * each with an earned reward for its tenant's endpoint, and the table of claims of the hand-written workers. The campaigns mail the same
 * template that the plain worker has.
 */
export async function seed(connectionString: string, people: number, endpoints: readonly string[]): Promise<void> {
  for (const set of ['app', 'worker'] as const) await migrate({ connectionString }, set, { onProgress: () => undefined })
  const database = openDatabase({
    connection: { connectionString },
    max: 1,
    applicationName: 'bench',
    statementTimeoutMs: 600_000,
    connectTimeoutMs: 10_000,
  })
  try {
    await insertTenants(database.sql, endpoints)
    await database.sql.query(insertPeople, [people, endpoints.length])
    await database.sql.query(insertEarned, [people, endpoints.length])
    await database.sql.query(
      'CREATE TABLE public.processed_events (consumer text, event_id uuid, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (consumer, event_id))',
    )
    // Nothing of this may be left to be done while a worker is measured.
    await database.sql.query('VACUUM (ANALYZE)')
    await database.sql.query('CHECKPOINT')
  } finally {
    await database.end()
  }
}

async function insertTenants(sql: Sql, endpoints: readonly string[]): Promise<void> {
  const [html, text] = await Promise.all(
    ['welcome.html.mustache', 'welcome.txt.mustache'].map((name) => readFile(new URL(`../plain/${name}`, import.meta.url), 'utf8')),
  )
  const tenants = `generate_series(0, ${endpoints.length - 1}) AS t`
  await sql.query(
    `INSERT INTO platform.accounts (id, name, slug) SELECT ${sqlIdOf('account', 't')}, 'Tenant ' || t, 'tenant-' || t FROM ${tenants}`,
  )
  await sql.query(
    `INSERT INTO platform.campaigns (id, account_id, name, slug, status, referral_config)
     SELECT ${sqlIdOf('campaign', 't')}, ${sqlIdOf('account', 't')}, 'Campaign ' || t, 'campaign-' || t, 'active', '{"enabled": true, "points_per_referral": 1}'
       FROM ${tenants}`,
  )
  await sql.query(
    `INSERT INTO platform.email_templates (id, campaign_id, name, type, subject, html_body, text_body)
     SELECT ${sqlIdOf('template', 't')}, ${sqlIdOf('campaign', 't')}, 'Welcome', 'welcome', 'You are on the list', $1, $2 FROM ${tenants}`,
    [html, text],
  )
  await sql.query(
    `INSERT INTO platform.rewards (id, campaign_id, name, type, config, trigger_type, delivery_method, delivery_config)
     SELECT ${sqlIdOf('reward', 't')}, ${sqlIdOf('campaign', 't')}, 'Early access', 'early_access', '{"value": "10 %"}', 'manual', 'webhook',
            jsonb_build_object('webhook_url', ($1::text[])[t + 1])
       FROM ${tenants}`,
    [sqlArray(endpoints, (url) => url)],
  )
  await sql.query(
    `INSERT INTO platform.webhooks (id, account_id, campaign_id, url, secret, events)
     SELECT ${sqlIdOf('endpoint', 't')}, ${sqlIdOf('account', 't')}, ${sqlIdOf('campaign', 't')}, ($1::text[])[t + 1], $2, '{reward.delivered}' FROM ${tenants}`,
    [sqlArray(endpoints, (url) => url), SECRET],
  )
}

const insertPeople = `
  INSERT INTO platform.waitlist_users (id, campaign_id, email, first_name, status, position, original_position, referral_code, email_verified,
                                       verified_at, marketing_consent)
  SELECT ${sqlIdOf('person', 'n')}, ${sqlIdOf('campaign', 'n % $2::int')}, 'person-' || n || '@example.com', 'Ada', 'verified', n, n, 'R' || n, true,
         now() - interval '1 hour', true
    FROM generate_series(0, $1::int - 1) AS n`

const insertEarned = `
  INSERT INTO platform.user_rewards (id, user_id, reward_id, campaign_id, status, earned_at)
  SELECT ${sqlIdOf('userReward', 'n')}, ${sqlIdOf('person', 'n')}, ${sqlIdOf('reward', 'n % $2::int')}, ${sqlIdOf('campaign', 'n % $2::int')}, 'earned', now()
    FROM generate_series(0, $1::int - 1) AS n`
