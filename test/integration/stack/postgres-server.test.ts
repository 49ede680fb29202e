import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { PostgresServer } from '../../../stack/postgres-server.ts'
import { startPostgres } from '../../../stack/postgres-server.ts'

let postgres: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres({ settings: { work_mem: '5MB' } })
})
afterAll(async () => postgres.stop())

test('the server listens on loopback only, for 200 connections, with the given settings', async () => {
  expect(await select('SHOW listen_addresses')).toEqual({ listen_addresses: '127.0.0.1' })
  expect(await select('SHOW unix_socket_directories')).toEqual({ unix_socket_directories: '' })
  expect(await select('SHOW max_connections')).toEqual({ max_connections: '200' })
  expect(await select('SHOW work_mem')).toEqual({ work_mem: '5MB' })
})

test('a connection without the password is refused', async () => {
  const url = new URL(postgres.url)
  url.password = 'postgres'
  await expect(select('SELECT 1', url.href)).rejects.toThrow(/password authentication failed/)
})

test.for(['fast', 'immediate', 'SIGKILL'] as const)('committed rows, address and data folder survive a stop by %s', async (how) => {
  const url = await postgres.createDatabase(`kept_${how}`.toLowerCase())
  await select('CREATE TABLE kept AS SELECT 1 AS n', url)
  const before = postgres.pid()
  if (how === 'SIGKILL') await postgres.kill()
  else await postgres.halt(how)
  expect(postgres.pid()).toBeUndefined()
  await expect(select('SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
  await postgres.resume()
  expect(postgres.pid()).not.toBe(before)
  expect(await select('SELECT n FROM kept', url)).toEqual({ n: 1 })
})

test('a database can be copied from a template and dropped under a connected client', async () => {
  const template = await postgres.createDatabase('a template')
  await select('CREATE TABLE t AS SELECT 7 AS n', template)
  const copy = await postgres.createDatabase('copy', { template: 'a template' })
  const client = new Client({ connectionString: copy })
  const lost = vi.fn<() => void>()
  client.on('error', lost)
  await client.connect()
  await postgres.dropDatabase('copy')
  await vi.waitFor(() => expect(lost).toHaveBeenCalled(), { timeout: 60_000 })
  await expect(select('SELECT n FROM t', copy)).rejects.toThrow(/does not exist/)
  expect(await select('SELECT n FROM t', template)).toEqual({ n: 7 })
})

test('a server that fails to start reports the end of its log and leaves no folder', async () => {
  await expect(startPostgres({ settings: { max_connections: 'many' } })).rejects.toThrow(/PostgreSQL ended with exit code 1.*"many"/s)
})

test('stop removes the folder and may be called again', async () => {
  const other = await startPostgres()
  expect(existsSync(other.dataDir)).toBe(true)
  await other.stop()
  await other.stop()
  expect(existsSync(dirname(other.dataDir))).toBe(false)
})

async function select(sql: string, connectionString = postgres.url): Promise<unknown> {
  const client = new Client({ connectionString })
  try {
    await client.connect()
    const { rows } = await client.query<Record<string, unknown>>(sql)
    return rows[0]
  } finally {
    await client.end()
  }
}
