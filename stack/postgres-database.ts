import { Client } from 'pg'

/**
 * Creates a database on a server of the local stack.
 *
 * @param serverUrl of any database there, as a user who may create others
 * @param options.template a database to copy, data included; nobody may be connected to it meanwhile
 * @returns the new database's URL
 */
export async function createDatabase(serverUrl: string, name: string, options: { readonly template?: string } = {}): Promise<string> {
  await withClient(serverUrl, async (client) => {
    const template = options.template === undefined ? '' : ` TEMPLATE ${client.escapeIdentifier(options.template)}`
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}${template}`)
  })
  const url = new URL(serverUrl)
  url.pathname = `/${encodeURIComponent(name)}`
  return url.href
}

/** Drops a database, cutting off its open connections; no error when there is none. */
export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`)
  })
}

async function withClient(connectionString: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
