import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { analyticsConsumer } from '../../../src/consumers/analytics/analytics-consumer.ts'
import { readEventCounts } from '../../../src/consumers/analytics/event-counts.ts'
import { migrate } from '../../../src/infra/postgres/schema/migrate-schema.ts'
import { majorOf, newestVersion } from '../../../src/infra/postgres/schema/migration-set.ts'
import { createPauseAdmin } from '../../../src/infra/postgres/admin/postgres-pause-admin.ts'
import { applyRetention } from '../../../src/infra/postgres/admin/retention.ts'
import { adminNeeds, checkOwnTables, checkRights, checkSchema } from '../../../src/infra/postgres/schema/schema-check.ts'
import { OperatorError } from '../../../src/std/failure.ts'
import { systemClock } from '../../../src/std/clock.ts'
import type { Database, Sql } from '../../../src/std/sql.ts'
import { documentedAdminGrants, documentedGrants, grantStatements } from '../../support/documented-grants.ts'
import { freshDatabase } from '../../support/fresh.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { openPool } from './open-pool.ts'

const newest = await newestVersion('worker')
let db: MigratedDatabase

beforeEach(async () => {
  db = await migratedDatabase()
})
afterEach(async () => db.close())

test('the schema of this build is accepted', async () => {
  await expect(checkSchema(db.sql)).resolves.toBeUndefined()
})

test('an older schema is refused with the command that updates it', async () => {
  await db.sql.query('DELETE FROM worker.schema_versions WHERE version = $1', [newest])
  const message = await refusal()
  expect(message).toContain(`is at version ${newest - 1}, but this build needs ${newest}`)
  expect(message).toContain('npm run workerctl -- migrate')
})

test('a database that was never migrated is refused with the same command', async () => {
  const empty = await freshDatabase()
  const pool = openPool(empty.url)
  try {
    await expect(checkSchema(pool.sql)).rejects.toThrow('npm run workerctl -- migrate')
  } finally {
    await pool.end()
    await empty.drop()
  }
})

test('a newer schema of the same major is accepted, one of a newer major is refused', async () => {
  await db.sql.query(`INSERT INTO worker.schema_versions (version, name) VALUES ($1, 'later')`, [majorOf(newest) * 1000 + 999])
  await expect(checkSchema(db.sql)).resolves.toBeUndefined()
  await db.sql.query(`INSERT INTO worker.schema_versions (version, name) VALUES ($1, 'next')`, [(majorOf(newest) + 1) * 1000])
  expect(await refusal()).toContain('too new for this build')
})

test('a role without a right is refused with the table, the right and the grant', async () => {
  await withRole(async (role, sql) => {
    const says = async () => {
      const message = await refusal(checkSchema(sql))
      expect(message).toContain(`The role "${role}" may not `)
      return message
    }
    expect(await says()).toContain('SELECT on worker.schema_versions')
    await db.sql.query(`GRANT USAGE ON SCHEMA worker TO ${role}`)
    await db.sql.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA worker TO ${role}`)
    await db.sql.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`)
    const writes = [
      ['UPDATE', 'public.waitlist_users'],
      ['UPDATE', 'public.user_rewards'],
      ['INSERT', 'public.email_logs'],
      ['UPDATE', 'public.email_logs'],
      ['UPDATE', 'public.webhooks'],
      ['INSERT', 'public.webhook_deliveries'],
      ['UPDATE', 'public.webhook_deliveries'],
    ]
    for (const [privilege, table] of writes) {
      expect(await says()).toContain(`may not ${privilege} on ${table}: run GRANT ${privilege} ON ${table} TO "${role}"`)
      await db.sql.query(`GRANT ${privilege} ON ${table} TO ${role}`)
    }
    await expect(checkSchema(sql)).resolves.toBeUndefined()

    await db.sql.query(`REVOKE INSERT ON worker.intents FROM ${role}`)
    expect(await says()).toContain('INSERT on worker.intents')
    await db.sql.query(`GRANT INSERT ON worker.intents TO ${role}`)

    await db.sql.query(`REVOKE UPDATE ON waitlist_users FROM ${role}`)
    await db.sql.query(`GRANT UPDATE (position, ranked_score, ranked_ppr) ON waitlist_users TO ${role}`)
    await expect(checkSchema(sql)).resolves.toBeUndefined()
  })
})

test('the documented grants on the tables that operators decide in are enough, and each right of them is needed', async () => {
  const grants = documentedGrants()
  expect(grants).toHaveLength(7)
  await withRole(async (role, sql) => {
    for (const statement of grantStatements(role)) await db.sql.query(statement)
    await expect(checkSchema(sql)).resolves.toBeUndefined()
    for (const { rights, table } of grants) {
      for (const right of rights) {
        await db.sql.query(`REVOKE ${right} ON ${table} FROM ${role}`)
        expect(await refusal(checkSchema(sql))).toContain(`may not ${right} on ${table}: run GRANT ${right} ON ${table} TO "${role}"`)
        await db.sql.query(`GRANT ${right} ON ${table} TO ${role}`)
      }
    }
  })
})

test('the documented grants let the daemon delete old pauses, and those of the admin verbs let it change them; each is needed', async () => {
  const grants = documentedAdminGrants()
  expect(grants).toEqual([{ table: 'worker.pauses', rights: ['INSERT', 'UPDATE'] }])
  await withRole(async (role, sql, database) => {
    for (const statement of grantStatements(role)) await db.sql.query(statement)
    const pauses = createPauseAdmin(database)
    const request = { scope: 'channel', target: 'email', group: null, owner: 'ops', because: 'test', forMs: null } as const
    for (const right of grants.flatMap(({ rights }) => rights)) {
      expect(await refusal(checkRights(sql, adminNeeds))).toContain(
        `may not ${right} on worker.pauses: run GRANT ${right} ON worker.pauses TO`,
      )
      await expect(pauses.begin(request, false)).rejects.toThrow('SQLSTATE 42501')
      await db.sql.query(`GRANT ${right} ON worker.pauses TO ${role}`)
    }
    await expect(checkRights(sql, adminNeeds)).resolves.toBeUndefined()
    expect(await pauses.begin(request, false)).toMatchObject({ is: 'begun' })
    expect(await pauses.begin(request, true)).toMatchObject({ is: 'extended' })
    expect(await pauses.end(request, 'ops')).toMatchObject({ target: 'email' })

    await db.sql.query(`REVOKE INSERT, UPDATE ON worker.pauses FROM ${role}`)
    await db.sql.query(`UPDATE worker.pauses SET ended_at = now() - interval '400 days'`)
    const options = { dedupeDays: 90, historyDays: 30, clock: systemClock, budgetMs: 60_000 }
    const report = await applyRetention(database, options, new AbortController().signal)
    expect(report?.deleted).toEqual(new Map<string, number>([['pauses', 1]]))
  })
})

test('the documented grants of a group with tables of its own are enough for it, and each of them is needed', async () => {
  const documented = /```sql\n(GRANT USAGE ON SCHEMA analytics [^`]*)```/.exec(readFileSync('docs/guide/security.md', 'utf8'))?.[1] ?? ''
  await migrate({ connectionString: db.url }, analyticsConsumer.tables)
  await withRole(async (role, sql) => {
    const grants = documented.replaceAll('worker_app', role).split(';').slice(0, -1)
    expect(grants).toHaveLength(3)
    for (const grant of grants) {
      await expect(checkOwnTables(sql, analyticsConsumer.tables)).rejects.toThrow(OperatorError)
      await db.sql.query(grant)
    }
    await expect(checkOwnTables(sql, analyticsConsumer.tables)).resolves.toBeUndefined()

    const campaign_id = crypto.randomUUID()
    const event = {
      id: crypto.randomUUID(),
      type: 'campaign.milestone_reached',
      account_id: crypto.randomUUID(),
      campaign_id,
      data: { campaign_id, milestone: 'first', participant_count: 1 },
      timestamp: '2026-03-01T12:00:00.000Z',
    } as const
    await analyticsConsumer.project([event], sql)
    await analyticsConsumer.project([event], sql)
    expect(await readEventCounts(sql, campaign_id, null)).toEqual([{ day: '2026-03-01', type: event.type, count: 2 }])
  })
})

test('a role that may not read the version of a group’s tables is refused with the statements that give exactly what it needs', async () => {
  await migrate({ connectionString: db.url }, analyticsConsumer.tables)
  await withRole(async (role, sql) => {
    const message = await refusal(checkOwnTables(sql, analyticsConsumer.tables))
    const statements = [
      `GRANT USAGE ON SCHEMA analytics TO "${role}"`,
      `GRANT SELECT ON analytics.schema_versions TO "${role}"`,
      `GRANT SELECT, INSERT, UPDATE ON analytics.event_counts TO "${role}"`,
    ]
    expect(message).toBe(
      `The role "${role}" may not SELECT on analytics.schema_versions: run ${statements.join('; ')} as the schema's owner.`,
    )
    for (const statement of statements) await db.sql.query(statement)
    await expect(checkOwnTables(sql, analyticsConsumer.tables)).resolves.toBeUndefined()
  })
})

test('a missing platform table is named', async () => {
  await db.sql.query('DROP TABLE webhook_deliveries')
  expect(await refusal()).toContain('The table public.webhook_deliveries does not exist')
})

/** Runs with a role of the test's own that may do nothing yet. */
async function withRole(run: (role: string, sql: Sql, database: Database) => Promise<void>): Promise<void> {
  const role = `role_${new URL(db.url).pathname.slice(1)}`
  const url = new URL(db.url)
  url.username = role
  url.password = 'secret'
  await db.sql.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
  const pool = openPool(url.href)
  try {
    await run(role, pool.sql, pool)
  } finally {
    await pool.end()
    await db.sql.query(`DROP OWNED BY ${role}`)
    await db.sql.query(`DROP ROLE ${role}`)
  }
}

async function refusal(checked = checkSchema(db.sql)): Promise<string> {
  const error = await checked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(OperatorError)
  return error instanceof Error ? error.message : ''
}
