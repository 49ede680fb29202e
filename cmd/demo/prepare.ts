import { DEAD_LETTER_MS } from '../../src/admin/topics/topic-plan.ts'
import { topicSettings } from '../../src/catalogue/event-topics.ts'
import { tablesOf } from '../../src/consumers/registry.ts'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { migrate } from '../../src/infra/postgres/schema/migrate-schema.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { SqlError, type Database } from '../../src/std/sql.ts'
import type { Sql } from '../../src/std/sql.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { demoGroups } from './demo-groups.ts'
import type { Servers } from './servers.ts'

/** `<topic>.<group>.dlq`, in the order of the groups. */
export function deadLetterTopics({ topic, groupPrefix, groups }: Pick<Servers, 'topic' | 'groupPrefix' | 'groups'>): string[] {
  return groups.map(({ name }) => `${topic}.${groupPrefix}${name}.dlq`)
}

const PARTITIONS = 10

/** The topic and its dead-letter topics, made where they are missing. */
export async function prepareTopics(admin: LogAdmin, servers: Servers): Promise<void> {
  await admin.connect()
  await admin.createTopic({ name: servers.topic, partitions: PARTITIONS })
  // As `workerctl topics plan` wants them.
  const config = topicSettings(DEAD_LETTER_MS)
  for (const name of deadLetterTopics(servers)) await admin.createTopic({ name, partitions: PARTITIONS, config })
}

/**
 * A database with the tables of platform, worker and groups, open for the platform's part.
 *
 * @throws {OperatorError} it does not answer, or holds what the demo did not write
 */
export async function prepareDatabase(databaseUrl: string, onProgress: (line: string) => void): Promise<Database> {
  const connection = { connectionString: databaseUrl }
  const database = openDatabase({
    connection,
    max: 4,
    applicationName: 'kafka-worker demo',
    statementTimeoutMs: 60_000,
    connectTimeoutMs: 10_000,
  })
  try {
    await refuseForeignRows(database.sql)
    const ofGroups = tablesOf(demoGroups.map(({ name }) => name))
    for (const set of ['app', 'worker', ...ofGroups] as const) await migrate(connection, set, { onProgress })
    await createMarks(database.sql)
    return database
  } catch (error) {
    await database.end()
    if (!(error instanceof SqlError) || error.state !== undefined) throw error
    throw new OperatorError(`The database does not answer (${error.message}): start it, or correct DEMO_DATABASE_URL.`)
  }
}

/** Room for the ids of the accounts that a scenario writes, which distinguish its rows from others. */
export async function createMarks(sql: Sql): Promise<void> {
  await sql.query('CREATE SCHEMA IF NOT EXISTS demo')
  await sql.query('CREATE TABLE IF NOT EXISTS demo.accounts (id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())')
}

/** How many scenarios were run in this database before: each has ids of its own. */
export async function scenariosBefore(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ scenarios: number }>('SELECT count(DISTINCT at)::int AS scenarios FROM demo.accounts')
  return row?.scenarios ?? 0
}

/** Every row of the platform belongs to an account, and the demo's accounts are recorded. */
async function refuseForeignRows(sql: Sql): Promise<void> {
  const [tables] = await sql.query<{ platform: boolean; ours: boolean }>(
    `SELECT to_regclass('platform.accounts') IS NOT NULL AS platform, to_regclass('demo.accounts') IS NOT NULL AS ours`,
  )
  if (!tables?.platform) return
  const [foreign] = tables.ours
    ? await sql.query<{ rows: number }>(
        'SELECT count(*)::int AS rows FROM platform.accounts WHERE id NOT IN (SELECT id FROM demo.accounts)',
      )
    : []
  if (tables.ours && foreign?.rows === 0) return
  throw new OperatorError(
    'DEMO_DATABASE_URL names a database with tables or rows of a platform that the demo did not write: use an empty database.',
  )
}
