import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Daemon } from '../support/daemon.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { expectClean, refusalOf } from '../support/refusal.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { startSecureStack, type SecureStack } from '../support/secure-stack.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'

let secure: SecureStack
let fixture: Fixture
/** What a daemon must know to be let in everywhere: no secret is among the variables, all of them come from files. */
let trusted: Record<string, string>

beforeAll(async () => {
  secure = await startSecureStack()
  const { url, certifiedUrl } = await secure.database('platform')
  fixture = await createFixture({ partitions: 2, brokers: secure.kafka.bootstrap, databaseUrl: url, smtp: secure.relay })
  trusted = {
    ...atListener('LOGIN'),
    DATABASE_URL: '',
    DATABASE_URL_FILE: secure.file('database-url', certifiedUrl),
    SMTP_URL: '',
    SMTP_URL_FILE: secure.file('smtp-url', fixture.smtp.url),
    SMTP_REQUIRE_TLS: 'true',
    SMTP_CA_FILE: secure.files.ca,
  }
})

afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  await secure.stop()
})

function atListener(name: 'LOGIN' | 'SHORT'): Record<string, string> {
  return {
    KAFKA_BROKERS: secure.kafka.secured[name] ?? '',
    KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
    KAFKA_SSL_CA_FILE: secure.files.ca,
    KAFKA_SASL_USERNAME: 'worker',
    KAFKA_SASL_PASSWORD_FILE: secure.file('broker-password', secure.secrets[0] ?? ''),
  }
}

async function signUp(): Promise<void> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
}

async function stopped(daemon: Daemon): Promise<void> {
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expectClean(daemon, secure.secrets)
}

test('a sign-up becomes a mail over SASL_SSL with SCRAM-SHA-512, verify-full with a client certificate, and requireTLS', async () => {
  const daemon = fixture.daemon({ ...trusted, KAFKA_START_FROM: 'earliest' })
  await daemon.ready()
  await signUp()
  await fixture.drained()
  expect(fixture.smtp.counters).toMatchObject({ accepted: 1, secured: 1 })
  // As PostgreSQL saw it: every connection of that role is encrypted, with the certificate of ours.
  const connections = await fixture.sql.query<{ ssl: boolean; client_dn: string }>(
    `SELECT DISTINCT ssl, client_dn FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'certified'`,
  )
  expect(connections).toEqual([{ ssl: true, client_dn: '/CN=certified' }])
  const served = (await daemon.metrics()) + (await (await fetch(`${daemon.url()}/readyz`)).text())
  for (const secret of secure.secrets) expect(served).not.toContain(secret)
  await stopped(daemon)
})

test('workerctl connects in the same ways, and reports refusals in the same words', async () => {
  const environment = {
    ...trusted,
    KAFKA_TOPIC: fixture.topic,
    KAFKA_GROUP_PREFIX: fixture.groupPrefix,
  }
  const migrated = await runWorkerctl(['migrate'], environment)
  expect(migrated).toMatchObject({ code: 0, out: expect.stringContaining('nothing to apply') })
  const shown = await runWorkerctl(['offsets', 'show', '--json'], environment)
  expect(shown.code).toBe(0)
  const applied = await runWorkerctl(['topics', 'apply', '--dry-run'], environment)
  expect(applied.code).toBe(0)
  const wrong = { KAFKA_SSL_CA_FILE: secure.files.foreignCa, DATABASE_URL_FILE: withRoot(secure.files.foreignCa) }
  const ofKafka = await runWorkerctl(['topics', 'apply'], { ...environment, KAFKA_SSL_CA_FILE: wrong.KAFKA_SSL_CA_FILE })
  expect(ofKafka).toMatchObject({ code: 1, err: expect.stringMatching(/^The certificate of the Kafka broker at .* by KAFKA_SSL_CA_FILE/) })
  const ofDatabase = await runWorkerctl(['migrate'], { ...environment, DATABASE_URL_FILE: wrong.DATABASE_URL_FILE })
  expect(ofDatabase).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^The certificate of the database is not signed by a trusted authority/),
  })
  const all = JSON.stringify([migrated, shown, applied, ofKafka, ofDatabase])
  for (const secret of secure.secrets) expect(all).not.toContain(secret)
})

/** The URL of the database with another authority in it, as a file. */
function withRoot(authority: string, change: (url: URL) => void = () => undefined): string {
  const url = new URL(secure.postgres.url)
  url.pathname = '/platform'
  ;[url.username, url.password] = ['certified', secure.secrets[1] ?? '']
  for (const [name, value] of Object.entries({ sslrootcert: authority, sslmode: 'verify-full' })) url.searchParams.set(name, value)
  change(url)
  return secure.file(`database-url-${authority.length}-${url.search.length}-${url.password.length}`, url.href)
}

describe('a start is refused at once, exit code 1, with the variable and the way out', () => {
  test.each<[string, () => Record<string, string>, RegExp]>([
    [
      'a broker of another authority',
      () => ({ KAFKA_SSL_CA_FILE: secure.files.foreignCa }),
      /^The certificate of the Kafka broker at \S+ is not signed by a trusted authority .* by KAFKA_SSL_CA_FILE, which holds another one\.$/,
    ],
    [
      'a wrong password of the brokers',
      () => ({ KAFKA_SASL_PASSWORD_FILE: secure.file('wrong', 'wrong-hidden-word') }),
      /^Kafka at \S+ rejects the user or the password \(SCRAM-SHA-512\): correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD\.$/,
    ],
    [
      'a mechanism that the brokers do not offer',
      () => ({ KAFKA_SASL_MECHANISM: 'PLAIN' }),
      /^Kafka at \S+ does not offer PLAIN: set KAFKA_SASL_MECHANISM to one that its listener has enabled\.$/,
    ],
    [
      'brokers that want a certificate',
      () => ({
        KAFKA_BROKERS: secure.kafka.secured['MUTUAL'] ?? '',
        KAFKA_SECURITY_PROTOCOL: 'SSL',
        KAFKA_SASL_USERNAME: '',
        KAFKA_SASL_PASSWORD_FILE: '',
        KAFKA_SSL_CERT_FILE: secure.files.foreignCert,
        KAFKA_SSL_KEY_FILE: secure.files.foreignKey,
      }),
      /^The Kafka broker at \S+ refuses our client certificate, .* by KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE\.$/,
    ],
    [
      'a database of another authority',
      () => ({ DATABASE_URL_FILE: withRoot(secure.files.foreignCa) }),
      /^The certificate of the database is not signed by a trusted authority .*: set .* PGSSLROOTCERT, to the certificate of the authority that signed it\.$/,
    ],
    [
      'a database that wants a certificate',
      () => ({ DATABASE_URL_FILE: withRoot(secure.files.ca) }),
      /^The database requires a client certificate .*: set PGSSLCERT and PGSSLKEY\.$/,
    ],
    [
      'a wrong password of the database',
      () => ({
        DATABASE_URL_FILE: withRoot(secure.files.ca, (url) => {
          url.password = 'wrong-hidden-word'
          url.searchParams.set('sslcert', secure.files.cert)
          url.searchParams.set('sslkey', secure.files.key)
        }),
      }),
      /^The database rejects the role or its password \(.*28P01.*\): correct DATABASE_URL or PG\*\.$/,
    ],
  ])('%s', async (_name, variables, sentence) => {
    // No patience: what is refused at once does not wait for the end of it.
    const daemon = fixture.daemon({ ...trusted, ...variables(), BOOT_TIMEOUT_MS: '600000' })
    expect(await refusalOf(daemon, [...secure.secrets, 'wrong-hidden-word'])).toMatch(sentence)
  })
})

test('an untrusted relay does not prevent a start: one line reports it, and no login is sent to it', async () => {
  const before = fixture.smtp.counters.logins
  const daemon = fixture.daemon({ ...trusted, SMTP_CA_FILE: secure.files.foreignCa })
  await daemon.ready()
  const lines = () => daemon.lines.filter(({ level, msg }) => level === 'error' && msg.includes('relay'))
  await eventually('the relay is complained of', () => lines().length > 0 || 'not yet')
  expect(lines().map(({ msg }) => msg)).toEqual([
    expect.stringMatching(
      /^Mail stays queued until this is fixed: The certificate of the SMTP relay at \S+ .* by SMTP_CA_FILE, which holds another one\.$/,
    ),
  ])
  expect(fixture.smtp.counters.logins).toBe(before)
  await stopped(daemon)
})

test('a password changed under a running daemon: it waits, reports it, stays live, and continues when the password is right again', async () => {
  const [password = ''] = secure.secrets
  const sent = fixture.smtp.counters.accepted
  const daemon = fixture.daemon({ ...trusted, ...atListener('SHORT') })
  await daemon.ready()
  await secure.kafka.setPassword({ name: 'worker', password: 'another-word' })
  await eventually('not ready, and why', async () => {
    const response = await fetch(`${daemon.url()}/readyz`)
    const text = await response.text()
    return (response.status === 503 && /rejects the user or the password/.test(text)) || `${response.status} ${text}`
  })
  await signUp()
  // More often than a client may crash that is itself broken.
  const crashes = () =>
    daemon.lines.filter(({ msg, group }) => msg === 'consumer crashed' && group === fixture.group('email-workers')).length
  await eventually('it is tried again and again', () => crashes() > 5 || `${crashes()} times`)
  expect((await fetch(`${daemon.url()}/livez`)).status).toBe(200)

  await secure.kafka.setPassword({ name: 'worker', password })
  await daemon.ready()
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(sent + 1)
  await stopped(daemon)
})
