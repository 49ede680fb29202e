import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { openDatabase } from '../../../src/infra/postgres/client/postgres-database.ts'
import type { DatabaseTls } from '../../../src/infra/postgres/client/connection-settings.ts'
import { migrate } from '../../../src/infra/postgres/schema/migrate-schema.ts'
import { databaseSentence, isDatabaseAway } from '../../../src/admin/database-sentence.ts'
import { SqlError } from '../../../src/std/sql.ts'
import { createAuthority, type Authority, type Certificate } from '../../../stack/certificates.ts'
import { startPostgres, type PostgresServer } from '../../../stack/postgres-server.ts'

const word = 'hidden-word'
let server: PostgresServer
let own: Authority
let foreign: Authority
let client: Certificate
let stranger: Certificate

beforeAll(async () => {
  ;[own, foreign] = await Promise.all([createAuthority('Own'), createAuthority('Foreign')])
  ;[client, stranger] = await Promise.all([own.client('certified'), foreign.client('certified')])
  server = await startPostgres({ tls: { server: await own.server(['127.0.0.1']), clientCa: own.ca } })
  const admin = database(server.url)
  // postgres-tls.ts: these two only over TLS, the second only with a certificate.
  await admin.sql.query(`CREATE ROLE worker LOGIN PASSWORD '${word}'`)
  await admin.sql.query(`CREATE ROLE certified LOGIN PASSWORD '${word}'`)
  await admin.end()
})

afterAll(async () => server.stop())

function database(connectionString: string, tls?: DatabaseTls) {
  return openDatabase({
    connection: { connectionString, ...(tls === undefined ? {} : { tls }) },
    max: 1,
    applicationName: 'test',
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
  })
}

async function migrated(authority: string): Promise<unknown> {
  return migrate({ connectionString: as('worker'), tls: { mode: 'verify-full', ca: authority } }, 'worker')
}

function as(role: string, password = word): string {
  const url = new URL(server.url)
  ;[url.username, url.password] = [role, password]
  return url.href
}

/** The version of TLS that a query came over as the server saw it, `clear`, or the sentence of an operator. */
async function over(url: string, tls?: DatabaseTls): Promise<string> {
  const one = database(url, tls)
  try {
    const [row] = await one.sql.query<{ version: string | null }>('SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    return row?.version ?? 'clear'
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    // Waiting would fix none of these: a start is refused at once.
    if (isDatabaseAway(error) || error.message.includes(word)) throw error
    return databaseSentence(error)?.message ?? `no sentence: ${error.message}`
  } finally {
    await one.end()
  }
}

/** Another certificate of the server; the reload takes effect a moment after the request. */
async function presenting(certificate: Certificate, tls: DatabaseTls, expected: string): Promise<void> {
  await server.present({ server: certificate, clientCa: own.ca })
  await vi.waitFor(async () => expect(await over(as('worker'), tls)).toBe(expected), { timeout: 60_000, interval: 50 })
}

describe('a connection over TLS', () => {
  test('verify-full, verify-ca and require', async () => {
    expect(await over(as('worker'), { mode: 'verify-full', ca: own.ca })).toMatch(/^TLSv1\.[23]$/)
    expect(await over(as('worker'), { mode: 'verify-ca', ca: own.ca })).toMatch(/^TLSv1\.[23]$/)
    expect(await over(as('worker'), { mode: 'require' })).toMatch(/^TLSv1\.[23]$/)
  })

  test('with a certificate of our own', async () => {
    expect(await over(as('certified'), { mode: 'verify-full', ca: own.ca, ...client })).toMatch(/^TLSv1\.[23]$/)
  })

  test('is used by migrations as well', async () => {
    // Behind the connection it finds no platform; with the wrong authority it does not get that far.
    await expect(migrated(own.ca)).rejects.toThrow("lacks the platform's tables")
    const error: unknown = await migrated(foreign.ca).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SqlError)
    expect(error instanceof SqlError && databaseSentence(error)?.message).toMatch(
      /^The certificate of the database is not signed by a trusted authority/,
    )
  })

  test('disable sends plain text, whatever the environment of the shell', async () => {
    vi.stubEnv('PGSSLMODE', 'require')
    try {
      expect(await over(server.url, { mode: 'disable' })).toBe('clear')
      expect(await over(server.url)).toBe('clear')
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

describe('is refused with the way out', () => {
  const untrusted = 'The certificate of the database is not signed by a trusted authority (SELF_SIGNED_CERT_IN_CHAIN): '
  const byRoot = 'set sslrootcert in DATABASE_URL, or PGSSLROOTCERT, to the certificate of the authority that signed it.'
  test.each<[string, () => readonly [string, DatabaseTls], unknown]>([
    ['another authority', () => [as('worker'), { mode: 'verify-full', ca: foreign.ca }], `${untrusted}${byRoot}`],
    ['another authority under verify-ca', () => [as('worker'), { mode: 'verify-ca', ca: foreign.ca }], `${untrusted}${byRoot}`],
    ['the public authorities', () => [as('worker'), { mode: 'verify-full' }], `${untrusted}${byRoot}`],
    [
      'a server without TLS',
      () => [inject('postgresUrl'), { mode: 'verify-full', ca: own.ca }],
      'The database offers no TLS: enable ssl on the server, or set sslmode=disable in DATABASE_URL or PGSSLMODE.',
    ],
    [
      'a connection in clear where TLS is wanted',
      () => [as('worker'), { mode: 'disable' }],
      expect.stringMatching(
        /^The database accepts no unencrypted connection \(.*no encryption.*\): add sslmode=verify-full to DATABASE_URL, or set PGSSLMODE\.$/,
      ),
    ],
    [
      'no certificate of ours where one is wanted',
      () => [as('certified'), { mode: 'verify-full', ca: own.ca }],
      expect.stringMatching(/^The database requires a client certificate \(.*\): set PGSSLCERT and PGSSLKEY\.$/),
    ],
    [
      'a certificate of ours by a foreign authority',
      () => [as('certified'), { mode: 'verify-full', ca: own.ca, ...stranger }],
      expect.stringMatching(
        /^The database refuses our client certificate, or the lack of one \(ERR_SSL_\S*ALERT_\w+\): set PGSSLCERT and PGSSLKEY to a certificate that it trusts and its key\.$/,
      ),
    ],
    [
      'the wrong password',
      () => [as('worker', 'hidden-word-2'), { mode: 'verify-full', ca: own.ca }],
      'The database rejects the role or its password (password authentication failed for user "worker" (SQLSTATE 28P01)): correct DATABASE_URL or PG*.',
    ],
  ])('%s', async (_name, what, sentence) => {
    expect([await over(...what())]).toEqual([sentence])
  })

  test('an expired certificate, and one for another name', async () => {
    const trusting: DatabaseTls = { mode: 'verify-full', ca: own.ca }
    const misnamed =
      'The certificate of the database is for another host name (ERR_TLS_CERT_ALTNAME_INVALID): use a host name that the certificate contains in DATABASE_URL or PGHOST.'
    await presenting(await own.server(['elsewhere.example.com']), trusting, misnamed)
    expect(await over(as('worker'), { mode: 'verify-ca', ca: own.ca })).toMatch(/^TLSv1\.[23]$/)
    await presenting(
      await own.server(['127.0.0.1'], { expired: true }),
      trusting,
      'The certificate of the database has expired or is not valid yet (CERT_HAS_EXPIRED): renew it on the server, or correct the clock of this machine.',
    )
    // Without a host name Node compares the certificate with "localhost".
    await presenting(await own.server(['localhost']), trusting, misnamed)
    expect(await over(as('worker').replace('127.0.0.1', 'localhost'), trusting)).toMatch(/^TLSv1\.[23]$/)
  })
})
