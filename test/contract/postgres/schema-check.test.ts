import { afterEach, beforeEach, expect, test } from 'vitest'
import { majorOf, newestVersion } from '../../../src/infra/postgres/schema/migration-set.ts'
import { checkSchema } from '../../../src/infra/postgres/schema/schema-check.ts'
import { OperatorError } from '../../../src/std/failure.ts'
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
  const role = `role_${new URL(db.url).pathname.slice(1)}`
  const url = new URL(db.url)
  url.username = role
  url.password = 'secret'
  await db.sql.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
  const pool = openPool(url.href)
  const says = async () => {
    const message = await refusal(pool.sql)
    expect(message).toContain(`The role "${role}" may not `)
    return message
  }
  try {
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
    await expect(checkSchema(pool.sql)).resolves.toBeUndefined()

    await db.sql.query(`REVOKE INSERT ON worker.intents FROM ${role}`)
    expect(await says()).toContain('INSERT on worker.intents')
    await db.sql.query(`GRANT INSERT ON worker.intents TO ${role}`)

    await db.sql.query(`REVOKE UPDATE ON waitlist_users FROM ${role}`)
    await db.sql.query(`GRANT UPDATE (position, ranked_score, ranked_ppr) ON waitlist_users TO ${role}`)
    await expect(checkSchema(pool.sql)).resolves.toBeUndefined()
  } finally {
    await pool.end()
    await db.sql.query(`DROP OWNED BY ${role}`)
    await db.sql.query(`DROP ROLE ${role}`)
  }
})

test('a missing platform table is named', async () => {
  await db.sql.query('DROP TABLE webhook_deliveries')
  expect(await refusal()).toContain('The table public.webhook_deliveries does not exist')
})

async function refusal(sql = db.sql): Promise<string> {
  const error = await checkSchema(sql).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(OperatorError)
  return error instanceof Error ? error.message : ''
}
