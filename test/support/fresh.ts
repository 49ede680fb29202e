import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'
import { createDatabase, dropDatabase } from '../../stack/postgres-database.ts'

export type FreshDatabase = { readonly name: string; readonly url: string; drop(): Promise<void> }

/**
 * An empty database of one's own on the shared server, or a copy of `template`. Dropping it is a courtesy to the tests that follow; the server
 * goes with the run in any case.
 */
export async function freshDatabase(options: { readonly template?: string } = {}): Promise<FreshDatabase> {
  const server = inject('postgresUrl')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const url = await createDatabase(server, name, options)
  return { name, url, drop: async () => dropDatabase(server, name) }
}

/**
 * A database to copy with `freshDatabase({ template })`: `prepare` (migrations, say) runs on it once per run, whichever test file comes first.
 * It must close its connections, or the copies fail.
 *
 * @returns the template's name
 */
export async function templateDatabase(name: string, prepare: (url: string) => Promise<void>): Promise<string> {
  const server = inject('postgresUrl')
  const client = new Client({ connectionString: server })
  await client.connect()
  try {
    // Test files may run in processes of their own; the lock ends with this connection.
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [name])
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name])
    if (rowCount === 0) await prepared(server, name, prepare)
    return name
  } finally {
    await client.end()
  }
}

async function prepared(server: string, name: string, prepare: (url: string) => Promise<void>): Promise<void> {
  const url = await createDatabase(server, name)
  try {
    await prepare(url)
  } catch (cause) {
    await dropDatabase(server, name)
    throw cause
  }
}

/** A topic name that no other test uses; the broker creates no topic by itself, the test does. */
export function freshTopicName(prefix = 'domain-events'): string {
  return `${prefix}-${randomUUID().slice(0, 13)}`
}

/** A consumer group id or group prefix that no other test uses. */
export function freshGroupName(prefix = 'group'): string {
  return `${prefix}-${randomUUID().slice(0, 13)}`
}
