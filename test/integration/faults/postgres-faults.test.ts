import { Client } from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { childProcesses } from '../../../stack/child-processes.ts'
import { startPostgres, type PostgresServer } from '../../../stack/postgres-server.ts'
import { isRunning } from '../../../stack/process-identity.ts'
import { eventually } from '../../support/eventually.ts'
import { takeBaseCopy } from '../../support/faults/base-copy.ts'
import { startTcpProxy } from '../../support/faults/tcp-proxy.ts'
import { proxiedUrl } from '../../support/faults/proxied-url.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => server.stop())

test('a frozen server replies on no connection, old or new, and continues when it is resumed', async () => {
  const client = await connected(server.url)
  server.freeze()
  server.freeze()
  let answered = false
  const answer = client.query('SELECT 1 AS n').finally(() => (answered = true))
  const late = new Client({ connectionString: server.url, connectionTimeoutMillis: 300 })
  await expect(late.connect()).rejects.toThrow(/timeout/)
  expect(answered).toBe(false)
  await server.resume()
  expect((await answer).rows).toEqual([{ n: 1 }])
})

test.each(['kill', 'fast', 'immediate'] as const)(
  'a frozen server stopped by %s leaves no process behind, and starts again',
  async (how) => {
    const client = await connected(server.url)
    const children = childProcesses(server.pid() ?? 0)
    expect(children.length).toBeGreaterThan(3)
    server.freeze()
    if (how === 'kill') await server.kill()
    else await server.halt(how)
    expect(server.pid()).toBeUndefined()
    expect(children.filter(isRunning)).toEqual([])
    await expect(client.query('SELECT 1')).rejects.toThrow(/terminat|not queryable|closed/i)
    await server.resume()
    expect((await (await connected(server.url)).query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }])
  },
)

test('a kill waits for the child processes, including one in the middle of a statement', async () => {
  const client = await connected(server.url)
  const busy = client.query('SELECT count(*) FROM generate_series(1, 1000000000)').catch(() => 'lost')
  const watcher = await connected(server.url)
  await eventually('it runs', async () => {
    const { rows } = await watcher.query(`SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%1000000000%'`)
    return rows.length > 1 || 'not yet'
  })
  const children = childProcesses(server.pid() ?? 0)
  await server.kill()
  expect(children.filter(isRunning)).toEqual([])
  expect(await busy).toBe('lost')
  await server.resume()
})

test('a base copy restores a server to its state, repeatedly', async () => {
  const url = await server.createDatabase('copied')
  const rows = async () => (await (await connected(url)).query<{ n: number }>('SELECT n FROM t ORDER BY n')).rows.map(({ n }) => n)
  await (await connected(url)).query('CREATE TABLE t AS SELECT 1 AS n')
  await using copy = await takeBaseCopy(server)
  for (const n of [2, 3]) {
    await (await connected(url)).query(`INSERT INTO t VALUES (${n})`)
    expect(await rows()).toEqual([1, n])
    await copy.restore()
    expect(await rows()).toEqual([1])
  }
})

test.each([
  { verdict: 'cut', kept: [1] },
  { verdict: 'cut-before', kept: [] },
] as const)('a connection that is $verdict at COMMIT: the client sees a reset, and the server has decided', async ({ verdict, kept }) => {
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  const url = await server.createDatabase(`at_${verdict}`)
  const direct = await connected(url)
  await direct.query('CREATE TABLE t (n int)')
  const client = await connected(proxiedUrl(url, proxy))
  await client.query('BEGIN')
  await client.query('INSERT INTO t VALUES (1)')
  proxy.onClientBytes((bytes) => (bytes.includes('COMMIT') ? verdict : undefined))
  await expect(client.query('COMMIT')).rejects.toThrow(/ECONNRESET/)
  await eventually('the session is over', async () => {
    const { rows } = await direct.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
    return rows.length === 0 || 'not yet'
  })
  expect((await direct.query<{ n: number }>('SELECT n FROM t')).rows.map(({ n }) => n)).toEqual(kept)
})

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString })
  // The server goes away under it, which is the test.
  client.on('error', () => undefined)
  await client.connect()
  onTestFinished(async () => void client.end().catch(() => undefined))
  return client
}
