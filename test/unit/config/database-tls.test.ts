import { afterAll, describe, expect, it } from 'vitest'
import { loadWith, problemsWith } from './least.ts'
import { pemFiles } from './pem-files.ts'

const files = await pemFiles()
afterAll(() => files.remove())

const far = 'postgresql://worker:hush@db.example.com/platform'
const near = 'postgresql://worker:hush@127.0.0.1/platform'

function read(url: string, more: Record<string, string> = {}) {
  const { database, warnings } = loadWith({ DATABASE_URL: url, ...more })
  return { ...database.connection, warnings }
}

describe('TLS towards PostgreSQL', () => {
  it.each<[string, string, Record<string, string>, object]>([
    ['disable, as set', `${far}?sslmode=disable`, {}, { mode: 'disable' }],
    ['disable on this machine', near, {}, { mode: 'disable' }],
    [
      'disable on a socket, whatever is said',
      'postgresql://worker@localhost/platform?host=/run/pg&sslmode=require',
      {},
      { mode: 'disable' },
    ],
    ['verify-full with the public authorities', `${far}?sslmode=verify-full`, {}, { mode: 'verify-full' }],
    ['verify-full, with the public authorities named', `${far}?sslmode=verify-full&sslrootcert=system`, {}, { mode: 'verify-full' }],
    [
      'verify-full with those of a file',
      `${far}?sslmode=verify-full&sslrootcert=${files.ca}`,
      {},
      { mode: 'verify-full', ca: files.text.ca },
    ],
    ['verify-ca with those of a file', `${far}?sslmode=verify-ca&sslrootcert=${files.ca}`, {}, { mode: 'verify-ca', ca: files.text.ca }],
    [
      'require with an authority means verify-ca',
      `${far}?sslmode=require&sslrootcert=${files.ca}`,
      {},
      { mode: 'verify-ca', ca: files.text.ca },
    ],
    [
      'a certificate of ours',
      `${far}?sslmode=verify-full&sslcert=${files.cert}&sslkey=${files.key}`,
      {},
      { mode: 'verify-full', cert: files.text.cert, key: files.text.key },
    ],
    [
      'by variables',
      far,
      { PGSSLMODE: 'verify-full', PGSSLROOTCERT: files.ca, PGSSLCERT: files.cert, PGSSLKEY: files.key },
      { mode: 'verify-full', ...files.text },
    ],
    ['the URL takes precedence over the variables', `${far}?sslmode=disable`, { PGSSLMODE: 'verify-full' }, { mode: 'disable' }],
  ])('%s', (_name, url, more, tls) => {
    const found = read(url, more)
    expect(found.tls).toEqual(tls)
    expect(found.warnings).toEqual([])
    // The driver means other things by these words.
    expect(found.connectionString).not.toContain('ssl')
  })

  it('warns of an unencrypted connection to another machine', () => {
    expect(read(far).warnings).toEqual([
      'The connection to the database at db.example.com is not encrypted: add sslmode=verify-full to DATABASE_URL or set PGSSLMODE; sslmode=disable accepts that.',
    ])
  })

  it.each([
    [`${far}?sslmode=require`, {}, 'DATABASE_URL says sslmode require'],
    [far, { PGSSLMODE: 'require' }, 'PGSSLMODE says require'],
  ])('warns of encryption without verification', (url, more, where) => {
    const { tls, warnings } = read(url, more)
    expect(tls).toEqual({ mode: 'require' })
    expect(warnings).toEqual([
      `${where}, which encrypts but does not verify the server certificate: use verify-full, with the CA certificate as sslrootcert or PGSSLROOTCERT unless it is signed by a public authority.`,
    ])
  })

  it('keeps the other parameters of the URL', () => {
    expect(read(`${far}?application_name=a&sslmode=verify-full&options=b`).connectionString).toBe(`${far}?application_name=a&options=b`)
  })
})

describe('is refused in one sentence', () => {
  const falls =
    'which silently falls back to an unencrypted connection when the server offers no TLS: use verify-full, verify-ca, require or disable.'
  it.each<[string, string, Record<string, string>, string]>([
    ['prefer', `${far}?sslmode=prefer`, {}, `DATABASE_URL says sslmode prefer, ${falls}`],
    ['allow', `${far}?sslmode=allow`, {}, `DATABASE_URL says sslmode allow, ${falls}`],
    [
      'the driver’s own no-verify',
      `${far}?sslmode=no-verify`,
      {},
      'DATABASE_URL says sslmode something, which is not a supported mode of libpq: use verify-full, verify-ca, require or disable.',
    ],
    [
      'the driver’s own ssl',
      `${far}?ssl=true&sslmode=verify-full`,
      {},
      'DATABASE_URL has the parameter ssl, which is not supported: TLS is configured by sslmode, sslrootcert, sslcert and sslkey, such as sslmode=verify-full&sslrootcert=/etc/ssl/db-ca.pem.',
    ],
    [
      'verify-ca without an authority',
      far,
      { PGSSLMODE: 'verify-ca' },
      'PGSSLMODE says verify-ca without a CA certificate, and public authorities issue certificates to anybody: set sslrootcert or PGSSLROOTCERT, or use verify-full.',
    ],
    [
      'verify-ca with the public authorities',
      `${far}?sslmode=verify-ca&sslrootcert=system`,
      {},
      'DATABASE_URL says sslmode verify-ca, which does not verify the name of the server, and public authorities (sslrootcert=system) issue certificates to anybody: use verify-full.',
    ],
    [
      'require with the public authorities',
      `${far}?sslmode=require&sslrootcert=system`,
      {},
      'DATABASE_URL says sslmode require, which does not verify the name of the server, and public authorities (sslrootcert=system) issue certificates to anybody: use verify-full.',
    ],
    [
      'an authority that would not be used',
      far,
      { PGSSLROOTCERT: files.ca },
      'PGSSLROOTCERT has no effect without sslmode: add sslmode=verify-full to DATABASE_URL, or set PGSSLMODE.',
    ],
    [
      'a file of the URL that cannot be read, and only that',
      `${far}?sslmode=verify-ca&sslrootcert=${files.none}`,
      {},
      'DATABASE_URL: sslrootcert names a file that cannot be read (ENOENT); it must be the path of a PEM file with certificates that this user may read, or system for the public authorities.',
    ],
    [
      'a certificate without its key',
      `${far}?sslmode=verify-full&sslcert=${files.cert}`,
      {},
      'DATABASE_URL: sslcert is set without PGSSLKEY: a client certificate needs both.',
    ],
    [
      'the key of another certificate',
      far,
      { PGSSLMODE: 'verify-full', PGSSLCERT: files.cert, PGSSLKEY: files.strangersKey },
      'PGSSLKEY does not match the certificate in PGSSLCERT: set the key that belongs to it.',
    ],
  ])('%s', (_name, url, more, problem) => {
    expect(problemsWith({ DATABASE_URL: url, ...more })).toEqual([problem])
  })
})
