import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { doctorChecks, doctorConfig, openServers } from '../../cmd/workerctl/doctor-checks.ts'
import { checkNames, type CheckResult } from '../../src/admin/doctor/check.ts'
import { chosenChecks, runChecks } from '../../src/admin/doctor/run-checks.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import { systemClock } from '../../src/std/clock.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { freshTopicName } from '../support/fresh.ts'
import { Platform } from '../support/platform.ts'
import { runWorkerctl } from './workerctl-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await createFixture({ partitions: 2, smtp: { auth: { user: 'relay', password: 'relay-hidden-word' } } })
})
afterAll(async () => fixture[Symbol.asyncDispose]())

interface Report {
  readonly code: number
  readonly ok: boolean
  readonly stoppedAt: string | null
  /** Words by the name of the check. */
  readonly words: Readonly<Record<string, string>>
  readonly checks: readonly CheckResult[]
}

async function doctor(variables: Readonly<Record<string, string>> = {}, ...args: readonly string[]): Promise<Report> {
  const { code, out, err } = await runWorkerctl(['doctor', '--json', ...args], { ...fixture.variables, ...variables })
  expect(err).toBe('')
  const report: Omit<Report, 'code' | 'words'> = JSON.parse(out)
  return { code, ...report, words: Object.fromEntries(report.checks.map(({ name, is }) => [name, is])) }
}

function wrongIn({ checks }: Report, name: string): string {
  return (
    checks
      .find((check) => check.name === name)
      ?.findings.map(({ sentence, fix }) => `${sentence} -> ${fix}`)
      .join('\n') ?? ''
  )
}

function changed(url: string, change: (url: URL) => void): string {
  const copy = new URL(url)
  change(copy)
  return copy.href
}

/** Takes connections and says nothing. */
async function withMuteServer<Result>(work: (port: number) => Promise<Result>): Promise<Result> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).resume())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
    return await work((server.address() as AddressInfo).port)
  } finally {
    server.close()
  }
}

/** Answers as a registry that has one subject, to the password `known-hidden-word`. */
async function withRegistry(subject: string, work: (origin: string) => Promise<void>): Promise<void> {
  const server = createHttpServer((request, response) => {
    const isIn = request.headers.authorization === `Basic ${Buffer.from('worker:known-hidden-word').toString('base64')}`
    const found = isIn && request.url === `/subjects/${subject}`
    const [status, answer] = found ? [200, { id: 1 }] : isIn ? [404, { error_code: 40_401 }] : [401, { error_code: 40_101 }]
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Everything that doctor could have written or sent. */
async function traces() {
  const groups = await Promise.all(fixture.groups.map((name) => fixture.admin.groupState(fixture.group(name))))
  const commits = await Promise.all(fixture.groups.map((name) => fixture.admin.committed(fixture.group(name), fixture.topic)))
  const ends = await fixture.admin.ranges(fixture.topic)
  const tables = await fixture.sql.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'worker' AND relkind = 'r' ORDER BY 1`,
  )
  const rows = await Promise.all(tables.map(({ name }) => fixture.sql.query(`SELECT count(*) FROM worker."${name}"`)))
  return { groups, commits, ends, rows, mails: fixture.smtp.counters.mails, posts: fixture.webhooks.calls.length }
}

describe('doctor', () => {
  test('finds nothing wrong with everything that a daemon needs, in the order of the checks, and writes nothing', async () => {
    const campaign = await new Platform(fixture.sql).campaign()
    await new Platform(fixture.sql).webhook(campaign, fixture.webhooks.endpoint('/hook').url, 'whsec_0123456789abcdef0123')
    const before = await traces()
    const report = await doctor()
    expect(report.checks.map(({ name }) => name)).toEqual(checkNames)
    expect(report.checks.filter(({ is }) => is !== 'ok')).toEqual([])
    expect(report).toMatchObject({ code: 0, ok: true, stoppedAt: null })
    expect(await traces()).toEqual(before)
  })

  test('shows a table without colours on a pipe, with colours on a terminal, and only the checks that are named', async () => {
    const piped = await runWorkerctl(['doctor', '--only', 'database'], fixture.variables)
    expect(piped).toMatchObject({ code: 0, err: '' })
    expect(piped.out.split('\n')).toEqual([
      expect.stringMatching(/^ok {7}database {7}PostgreSQL \d+\.\d+ accepts writes, without TLS\.$/),
      '1 check: 1 ok.',
    ])
    const unknown = await runWorkerctl(['doctor', '--only', 'databse'], fixture.variables)
    expect(unknown.code).toBe(1)
    expect(unknown.err).toContain('There is no check "databse" (did you mean database?)')
  })

  test('reports every problem of the configuration, and checks the servers all the same where only the mail path is wrong', async () => {
    const { SMTP_URL: _, ...without } = fixture.variables
    const { code, out } = await runWorkerctl(['doctor', '--json'], without)
    const { checks }: { checks: readonly CheckResult[] } = JSON.parse(out)
    expect(code).toBe(2)
    expect(checks.filter(({ is }) => is !== 'ok').map(({ name, is, because }) => [name, is, because])).toEqual([
      ['configuration', 'failed', null],
      ['smtp', 'skipped', 'configuration'],
    ])
    expect(checks[0]?.findings[0]?.sentence).toMatch(/^SMTP_URL is not set/)

    const broken = await doctor({ KAFKA_SESSION_TIMEOUT_MS: 'soon' })
    expect(broken).toMatchObject({ code: 2, stoppedAt: 'configuration', words: { configuration: 'failed' } })
    expect(wrongIn(broken, 'configuration')).toMatch(/^KAFKA_SESSION_TIMEOUT_MS "soon" is .*\. -> it must be /)
  })

  test('names a broker that is down, skips what needs it by name, and goes on with the database and the relay', async () => {
    const report = await doctor({ KAFKA_BROKERS: '127.0.0.1:1' })
    expect(report).toMatchObject({ code: 2, ok: false, stoppedAt: 'broker' })
    expect(wrongIn(report, 'broker')).toBe(
      'No broker accepts a connection: 127.0.0.1:1 (ECONNREFUSED). -> start Kafka there, open the way to it, or correct KAFKA_BROKERS',
    )
    const skipped = report.checks.filter(({ is }) => is === 'skipped')
    expect(skipped.map(({ name }) => name)).toEqual(['tls', 'login', 'topics', 'partitions', 'acls', 'groups', 'dead-letters'])
    expect(new Set(skipped.map(({ because }) => because))).toEqual(new Set(['broker']))
    expect(report.words).toMatchObject({ database: 'ok', migrations: 'ok', smtp: 'ok', webhooks: 'ok' })
  })

  test('warns of one address of several that is away, and says which one answered', async () => {
    const report = await doctor({ KAFKA_BROKERS: `127.0.0.1:1,${fixture.variables['KAFKA_BROKERS']}` }, '--only', 'broker')
    expect(report).toMatchObject({ code: 2, stoppedAt: null, words: { broker: 'warning' } })
    expect(report.checks[1]?.sentence ?? report.checks[0]?.sentence).toContain(`${fixture.variables['KAFKA_BROKERS']} answers`)
    expect(wrongIn(report, 'broker')).toMatch(/^127\.0\.0\.1:1 of KAFKA_BROKERS accepts no connection \(ECONNREFUSED\)\./)
  })

  test('begins with the failure where a port of PostgreSQL, of HTTP or of another server is taken for a broker', async () => {
    const { port: postgres } = new URL(fixture.databaseUrl)
    const smtp = new URL(fixture.variables['SMTP_URL'] ?? '').port
    await withRegistry('none', async (origin) => {
      for (const [port, answers] of [
        [postgres, 'as a PostgreSQL server'],
        [new URL(origin).port, 'as an HTTP server'],
        [smtp, 'in another protocol'],
      ] as const) {
        const { code, out } = await runWorkerctl(['doctor', '--only', 'broker'], {
          ...fixture.variables,
          KAFKA_BROKERS: `127.0.0.1:1,127.0.0.1:${port}`,
        })
        const lines = out.split('\n').map((line) => line.trim().replace(/ {2,}/g, ' '))
        expect([code, ...lines]).toEqual([
          2,
          `failed broker 127.0.0.1:${port} accepts connections but does not speak Kafka: it answers ${answers}.`,
          expect.stringMatching(/^-> correct the port in KAFKA_BROKERS/),
          '127.0.0.1:1 of KAFKA_BROKERS accepts no connection (ECONNREFUSED).',
          expect.any(String),
          expect.stringMatching(/Stopped here: broker\. Fix it first: correct the port in KAFKA_BROKERS/),
        ])
      }
    })
  })

  test('ends at a broker, a database and a relay that accept connections and never answer, and says how long it waited for each', async () => {
    await withMuteServer(async (port) => {
      const report = await doctor({
        KAFKA_BROKERS: `127.0.0.1:${port}`,
        DATABASE_URL: `postgresql://worker@127.0.0.1:${port}/platform`,
        SMTP_URL: `smtp://127.0.0.1:${port}`,
      })
      expect(wrongIn(report, 'broker')).toContain(
        `127.0.0.1:${port} accepts connections but does not answer as a Kafka broker (waited 4 s).`,
      )
      expect(wrongIn(report, 'database')).toMatch(/^The database did not answer within 10 s \(waited 10(?:\.\d)? s\)\./)
      expect(wrongIn(report, 'smtp')).toMatch(
        /^The SMTP relay at \S+ accepts connections but does not send a greeting in time.* \(waited 6 s\)\./,
      )
      expect(report).toMatchObject({ code: 2, words: { migrations: 'skipped', clock: 'skipped', webhooks: 'skipped' } })
    })
  })

  test('names a missing topic and a missing dead-letter topic, and the command that it gives creates them', async () => {
    const topic = freshTopicName()
    const missing = await doctor({ KAFKA_TOPIC: topic })
    expect(missing).toMatchObject({
      stoppedAt: 'topics',
      words: { topics: 'failed', partitions: 'skipped', 'dead-letters': 'failed', database: 'ok' },
    })
    expect(wrongIn(missing, 'topics')).toBe(
      `Topic ${topic} does not exist. -> correct KAFKA_TOPIC or KAFKA_BROKERS, or run "npm run workerctl -- topics apply", then start again`,
    )
    await fixture.admin.createTopic({ name: topic, partitions: 2 })
    for (const name of fixture.groups.slice(1))
      await fixture.admin.createTopic({ name: deadLetterTopic(topic, fixture.group(name)), partitions: 2 })
    const one = await doctor({ KAFKA_TOPIC: topic })
    expect(wrongIn(one, 'dead-letters')).toContain(`Topic ${deadLetterTopic(topic, fixture.group('email-workers'))} does not exist.`)
    expect(one).toMatchObject({ stoppedAt: 'dead-letters', words: { topics: 'ok', partitions: 'ok' } })
    const applied = await runWorkerctl(['topics', 'apply', '--replication-factor', '1'], { ...fixture.variables, KAFKA_TOPIC: topic })
    expect(applied.code).toBe(0)
    expect(await doctor({ KAFKA_TOPIC: topic })).toMatchObject({ ok: true })
  })

  test('names a wrong password of the database in the words of a refused start, and never shows one', async () => {
    const url = changed(fixture.databaseUrl, (copy) => (copy.password = 'hidden-word'))
    const report = await doctor({ DATABASE_URL: url })
    expect(wrongIn(report, 'database')).toBe(
      'The database rejects the role or its password (password authentication failed for user "postgres" (SQLSTATE 28P01)). -> correct DATABASE_URL or PG*',
    )
    expect(JSON.stringify(report)).not.toContain('hidden-word')
    expect(report.words).toMatchObject({ topics: 'ok', indexes: 'skipped', webhooks: 'skipped', smtp: 'ok' })
  })

  test('names a login that the relay refuses, without the password', async () => {
    const url = changed(fixture.smtp.url, (copy) => (copy.password = 'other-hidden-word'))
    const report = await doctor({ SMTP_URL: url }, '--only', 'smtp')
    expect(wrongIn(report, 'smtp')).toMatch(
      /^The SMTP relay at \S+ rejects the credentials in SMTP_URL \(535.*\)\. -> correct the user or the password$/,
    )
    expect(JSON.stringify(report)).not.toContain('other-hidden-word')
    expect(await doctor({}, '--only', 'smtp')).toMatchObject({ ok: true })
  })

  test('names a schema registry that is down, refuses the login or lacks a schema, without the password, and skips nothing for it', async () => {
    const down = await doctor({ KAFKA_SCHEMA_REGISTRY_URL: 'http://worker:hidden-word@127.0.0.1:1' })
    expect(down).toMatchObject({ code: 2, stoppedAt: 'registry', words: { registry: 'failed' } })
    expect(Object.values(down.words)).not.toContain('skipped')
    expect(wrongIn(down, 'registry')).toBe(
      'The schema registry at http://127.0.0.1:1 does not answer (ECONNREFUSED). -> start it, or correct KAFKA_SCHEMA_REGISTRY_URL',
    )

    const [first] = events
    await withRegistry(first?.type ?? '', async (origin) => {
      const only = async (login: string) => doctor({ KAFKA_SCHEMA_REGISTRY_URL: origin.replace('//', `//${login}@`) }, '--only', 'registry')
      const refused = await only('worker:hidden-word')
      expect(wrongIn(refused, 'registry')).toBe(
        `The schema registry at ${origin} refuses the login (HTTP 401, 40101). -> correct user and password in KAFKA_SCHEMA_REGISTRY_URL`,
      )
      const seen = await only('worker:known-hidden-word')
      expect(seen).toMatchObject({ code: 2, stoppedAt: null, words: { registry: 'warning' } })
      expect(seen.checks.at(-1)?.sentence).toBe(
        `The schema registry at ${origin} answers and has 1 of ${events.length} schemas of the catalogue.`,
      )
      expect(wrongIn(seen, 'registry').split('\n')).toEqual(
        events
          .slice(1)
          .map(
            ({ type }) =>
              `${type} would be registered as a new subject. -> run "npm run catalogue -- register" before publishers write this event in Avro`,
          ),
      )
      expect(JSON.stringify([down, refused, seen])).not.toContain('hidden-word')
    })
  })

  test('names a pending migration, which its command applies, and one that was changed after it was applied', async () => {
    const [newest] = await fixture.sql.query<{ version: string; row: object }>(
      'DELETE FROM worker.schema_versions WHERE version = (SELECT max(version) FROM worker.schema_versions) RETURNING version, to_jsonb(schema_versions) AS row',
    )
    const report = await doctor()
    expect(wrongIn(report, 'migrations')).toMatch(
      /^The database's worker schema is at version \d+, but this build needs \d+\. -> run "npm run workerctl -- migrate" first$/,
    )
    expect(report.words).toMatchObject({ rights: 'skipped', indexes: 'skipped', clock: 'ok' })
    await fixture.sql.query('INSERT INTO worker.schema_versions SELECT * FROM jsonb_populate_record(NULL::worker.schema_versions, $1)', [
      newest?.row,
    ])
    expect(await doctor()).toMatchObject({ ok: true })

    const [applied] = await fixture.sql.query<{ md5: string }>(`SELECT md5 FROM worker.schema_versions WHERE version = 2`)
    await fixture.sql.query(`UPDATE worker.schema_versions SET md5 = 'other' WHERE version = 2`)
    expect(wrongIn(await doctor({}, '--only', 'migrations'), 'migrations')).toBe(
      'Migration 2 of the set "worker" is not the one that was applied to this database. -> restore its file, and put the change into a new migration',
    )
    await fixture.sql.query(`UPDATE worker.schema_versions SET md5 = $1 WHERE version = 2`, [applied?.md5])
  })

  test('names a right that the role lacks, with the statement that grants it', async () => {
    const role = `role_${crypto.randomUUID().slice(0, 8)}`
    await fixture.sql.query(`CREATE ROLE ${role} LOGIN PASSWORD 'hidden-word'`)
    const url = changed(fixture.databaseUrl, (copy) => ([copy.username, copy.password] = [role, 'hidden-word']))
    try {
      await fixture.sql.query(`GRANT USAGE ON SCHEMA worker, public TO ${role}`)
      await fixture.sql.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA worker TO ${role}`)
      await fixture.sql.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`)
      expect(await doctor({ DATABASE_URL: url })).toMatchObject({ ok: true })
      await fixture.sql.query(`REVOKE SELECT ON public.accounts FROM ${role}`)
      const report = await doctor({ DATABASE_URL: url })
      expect(wrongIn(report, 'rights')).toBe(
        `The role "${role}" may not SELECT on public.accounts. -> run GRANT SELECT ON public.accounts TO "${role}" (and USAGE on its schema) as the table's owner`,
      )
      await fixture.sql.query(/GRANT SELECT ON public\.accounts TO "\w+"/.exec(wrongIn(report, 'rights'))?.[0] ?? '')
      expect(await doctor({ DATABASE_URL: url })).toMatchObject({ ok: true })
    } finally {
      await fixture.sql.query(`DROP OWNED BY ${role}`)
      await fixture.sql.query(`DROP ROLE ${role}`)
    }
  })

  test('names an invalid and a missing index, and its statements repair them', async () => {
    await fixture.sql.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'worker.intents_throttled'::regclass`)
    await fixture.sql.query(`DROP INDEX public.waitlist_users_dirty`)
    const report = await doctor({}, '--only', 'indexes')
    const findings = report.checks.find(({ name }) => name === 'indexes')?.findings ?? []
    expect(findings.map(({ sentence }) => sentence)).toEqual([
      'The index public.waitlist_users_dirty is missing.',
      'The index worker.intents_throttled is invalid: its build was interrupted, and no query uses it.',
    ])
    for (const { fix } of findings) {
      for (const statement of fix.replace(/^run /, '').split('; ')) await fixture.sql.query(statement.replace(/;$/, ''))
    }
    expect(await doctor({}, '--only', 'indexes')).toMatchObject({ ok: true })
  })

  test('names a database that is read-only', async () => {
    const name = new URL(fixture.databaseUrl).pathname.slice(1)
    await fixture.sql.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    const report = await doctor({}, '--only', 'database')
    await fixture.sql.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
    expect(wrongIn(report, 'database')).toMatch(/^The database accepts no writes\. -> default_transaction_read_only is on/)
  })

  test('names endpoints that the guard refuses, that do not resolve and that accept no connection, and shows no path', async () => {
    const platform = new Platform(fixture.sql)
    const campaign = await platform.campaign()
    const urls = ['http://10.0.0.1/hidden-path', 'https://nowhere.invalid/hidden-path', 'http://127.0.0.1:65535/hidden-path']
    const ids = await Promise.all(urls.map((url) => platform.webhook(campaign, url, 'whsec_0123456789abcdef0123')))
    const report = await doctor({}, '--only', 'webhooks')
    await fixture.sql.query('DELETE FROM webhooks WHERE id = ANY ($1::uuid[])', [`{${ids.join(',')}}`])
    const sentences = report.checks.find((check) => check.name === 'webhooks')?.findings.map(({ sentence }) => sentence) ?? []
    expect(sentences.toSorted()).toEqual([
      'http://10.0.0.1 has an address that is not public, which the worker refuses.',
      'http://127.0.0.1:65535 accepts no connection.',
      'https://nowhere.invalid does not resolve.',
    ])
    expect(report).toMatchObject({ code: 2, words: { webhooks: 'warning' } })
    expect(JSON.stringify(report)).not.toContain('hidden-path')
  })

  test('names a clock that differs from that of the database', async () => {
    const read = doctorConfig(fixture.variables)
    if (read.config === null) throw new Error('the configuration is wrong')
    const servers = openServers(read.config)
    try {
      const clock = { ...systemClock, now: () => systemClock.now() + 3_600_000 }
      const results = await runChecks(chosenChecks(doctorChecks(read, servers, clock), ['clock']), { clock })
      expect(results.map(({ name, is }) => `${name}: ${is}`)).toEqual(['database: ok', 'clock: failed'])
      expect(results[1]?.sentence).toMatch(/^Our clock is 3600 s ahead of the database's\.$/)
    } finally {
      await servers.close()
    }
  })
})
