import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import { freshDatabase, freshTopicName } from '../support/fresh.ts'
import { refusalOf } from '../support/refusal.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

/** Refused before anything is written, so all share it. */
let fixture: Fixture
beforeAll(async () => {
  fixture = await createFixture({ partitions: 2 })
})
afterAll(async () => fixture[Symbol.asyncDispose]())

/** A daemon that has what the fixture has but for `variables`. */
async function refused(variables: Readonly<Record<string, string>>): Promise<string> {
  const { password } = new URL(fixture.databaseUrl)
  return refusalOf(fixture.daemon(variables), [password])
}

/** Takes connections and says nothing. */
async function withMuteServer<Result>(work: (port: number) => Promise<Result>): Promise<Result> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).resume())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server on a port has an address of this kind
    return await work((server.address() as AddressInfo).port)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

function changed(url: string, change: (url: URL) => void): string {
  const copy = new URL(url)
  change(copy)
  return copy.href
}

describe('Kafka', () => {
  test('no broker', async () => {
    const daemon = fixture.daemon({ KAFKA_BROKERS: '127.0.0.1:1', BOOT_TIMEOUT_MS: '5000' })
    expect(await refusalOf(daemon)).toMatch(
      /^No Kafka broker answers at 127\.0\.0\.1:1 \(.*ECONNREFUSED.*\): start Kafka there, or correct KAFKA_BROKERS; given up after BOOT_TIMEOUT_MS \(5000\)\.$/,
    )
    // Said at once, not only in the end; and not again at every try.
    expect(daemon.lines.filter(({ level, msg }) => level === 'warn' && msg.startsWith('No Kafka broker answers'))).toHaveLength(1)
  })

  test('a broker that accepts the connection and does not answer', async () => {
    await withMuteServer(async (port) => {
      const startedAt = Date.now()
      expect(await refused({ KAFKA_BROKERS: `127.0.0.1:${port}`, BOOT_TIMEOUT_MS: '2500' })).toBe(
        `No Kafka broker answers at 127.0.0.1:${port} yet: start Kafka there, or correct KAFKA_BROKERS; given up after BOOT_TIMEOUT_MS (2500).`,
      )
      // It has not waited for the end of a request, which is 30 s after its begin.
      expect(Date.now() - startedAt).toBeLessThan(30_000)
    })
  })

  test('no topics', async () => {
    const topic = freshTopicName()
    const names = [topic, ...fixture.groups.map((name) => deadLetterTopic(topic, fixture.group(name)))]
    expect(await refused({ KAFKA_TOPIC: topic })).toBe(
      `Topics ${names.join(', ')} do not exist: correct KAFKA_TOPIC or KAFKA_BROKERS, or run "npm run workerctl -- topics apply", then start again.`,
    )
  })

  test('one dead-letter topic missing', async () => {
    const topic = freshTopicName()
    await fixture.admin.createTopic({ name: topic, partitions: 2 })
    expect(await refused({ KAFKA_TOPIC: topic, KAFKA_GROUPS: 'position-workers' })).toBe(
      `Topic ${topic}.${fixture.group('position-workers')}.dlq does not exist: correct KAFKA_TOPIC or KAFKA_BROKERS, or run "npm run workerctl -- topics apply", then start again.`,
    )
  })

  test('a dead-letter topic with fewer partitions than the topic', async () => {
    const topic = freshTopicName()
    await fixture.admin.createTopic({ name: topic, partitions: 2 })
    await fixture.admin.createTopic({ name: `${topic}.${fixture.group('position-workers')}.dlq`, partitions: 1 })
    expect(await refused({ KAFKA_TOPIC: topic, KAFKA_GROUPS: 'position-workers' })).toBe(
      `Dead-letter topic ${topic}.${fixture.group('position-workers')}.dlq has fewer partitions than ${topic} (2): run "npm run workerctl -- topics apply", then start again.`,
    )
  })

  test('a topic that contradicts the catalogue, unless KAFKA_TOPIC_CHECK is warn', async () => {
    const topic = freshTopicName()
    const only = { KAFKA_TOPIC: topic, KAFKA_GROUPS: 'position-workers' }
    const config = { 'cleanup.policy': 'compact,delete', 'retention.ms': '604800000', 'retention.bytes': '1073741824' }
    await fixture.admin.createTopic({ name: topic, partitions: 1, config })
    await fixture.admin.createTopic({ name: `${topic}.${fixture.group('position-workers')}.dlq`, partitions: 1 })
    const contradiction =
      `Topic ${topic} contradicts the catalogue of events (its cleanup.policy is compact,delete, which keeps only the last event of each campaign_id; ` +
      'it keeps events for 7 days, and those of the class domain are kept for 30 days; ' +
      'its retention.bytes is 1073741824, by which events are deleted however young they are): run "npm run workerctl -- topics apply"'
    expect(await refused(only)).toBe(`${contradiction}, then start again; or set KAFKA_TOPIC_CHECK=warn to start all the same.`)
    const warned = fixture.daemon({ ...only, KAFKA_TOPIC_CHECK: 'warn' })
    await warned.ready()
    expect(warned.lines.filter(({ level, msg }) => level === 'warn' && msg === `${contradiction}.`)).toHaveLength(1)
    warned.kill('SIGTERM')
    expect(await warned.exited).toBe(0)
  })

  test('DEDUPE_DAYS below the retention of the topic', async () => {
    expect(await refused({ DEDUPE_DAYS: '10' })).toBe(
      `DEDUPE_DAYS is 10, but topic ${fixture.topic} keeps records for 30 days, so that an event could come back after it was forgotten: set DEDUPE_DAYS to 37 or more.`,
    )
  })
})

describe('the database', () => {
  test('no server listens', async () => {
    const url = 'postgresql://worker:hidden-word@127.0.0.1:1/platform'
    const daemon = fixture.daemon({ DATABASE_URL: url, BOOT_TIMEOUT_MS: '5000' })
    expect(await refusalOf(daemon, ['hidden-word'])).toBe(
      'The database does not answer (connect ECONNREFUSED 127.0.0.1:1): check DATABASE_URL or PG*, and that the server runs; given up after BOOT_TIMEOUT_MS (5000).',
    )
    expect(daemon.lines.filter(({ level, msg }) => level === 'warn' && msg.startsWith('The database'))).toHaveLength(1)
  })

  test('a server that accepts the connection and does not answer', async () => {
    await withMuteServer(async (port) => {
      expect(await refused({ DATABASE_URL: `postgresql://worker@127.0.0.1:${port}/platform`, BOOT_TIMEOUT_MS: '2500' })).toBe(
        'The database does not answer yet: check DATABASE_URL or PG*, and that the server runs; given up after BOOT_TIMEOUT_MS (2500).',
      )
    })
  })

  test('a wrong password', async () => {
    const url = changed(fixture.databaseUrl, (copy) => (copy.password = 'hidden-word'))
    expect(await refusalOf(fixture.daemon({ DATABASE_URL: url }), ['hidden-word'])).toBe(
      'The database rejects the role or its password (password authentication failed for user "postgres" (SQLSTATE 28P01)): correct DATABASE_URL or PG*.',
    )
  })

  test('a missing password', async () => {
    const url = changed(fixture.databaseUrl, (copy) => (copy.password = ''))
    expect(await refused({ DATABASE_URL: url })).toBe('The database requires a password: set it in DATABASE_URL or PGPASSWORD.')
  })

  test('a database that does not exist', async () => {
    const url = changed(fixture.databaseUrl, (copy) => (copy.pathname = '/nowhere'))
    expect(await refused({ DATABASE_URL: url })).toBe(
      'The database does not exist (database "nowhere" does not exist (SQLSTATE 3D000)): create it, or correct DATABASE_URL or PG*.',
    )
  })

  test('a database that was never migrated is reported at once, even without a broker', async () => {
    const empty = await freshDatabase()
    try {
      expect(await refused({ DATABASE_URL: empty.url, KAFKA_BROKERS: '127.0.0.1:1' })).toMatch(
        /^The database has no worker schema, and this build needs version \d+: run "npm run workerctl -- migrate" first\.$/,
      )
    } finally {
      await empty.drop()
    }
  })

  test('an older schema', async () => {
    const [newest] = await fixture.sql.query<{ version: string; row: object }>(
      'DELETE FROM worker.schema_versions WHERE version = (SELECT max(version) FROM worker.schema_versions) RETURNING version, to_jsonb(schema_versions) AS row',
    )
    try {
      expect(await refused({})).toBe(
        `The database's worker schema is at version ${Number(newest?.version) - 1}, but this build needs ${newest?.version}: run "npm run workerctl -- migrate" first.`,
      )
    } finally {
      await fixture.sql.query('INSERT INTO worker.schema_versions SELECT * FROM jsonb_populate_record(NULL::worker.schema_versions, $1)', [
        newest?.row,
      ])
    }
  })

  test('a role without the required rights', async () => {
    const role = `role_${new URL(fixture.databaseUrl).pathname.slice(1)}`
    await fixture.sql.query(`CREATE ROLE ${role} LOGIN PASSWORD 'hidden-word'`)
    const url = changed(fixture.databaseUrl, (copy) => ([copy.username, copy.password] = [role, 'hidden-word']))
    const says = () => refusalOf(fixture.daemon({ DATABASE_URL: url }), ['hidden-word'])
    try {
      expect(await says()).toBe(
        `The role "${role}" may not SELECT on worker.schema_versions: run GRANT USAGE ON SCHEMA worker TO "${role}"; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA worker TO "${role}" as the schema's owner.`,
      )
      await fixture.sql.query(`GRANT USAGE ON SCHEMA worker TO ${role}`)
      await fixture.sql.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA worker TO ${role}`)
      expect(await says()).toBe(
        `The role "${role}" may not SELECT on public.accounts: run GRANT SELECT ON public.accounts TO "${role}" (and USAGE on its schema) as the table's owner.`,
      )
    } finally {
      await fixture.sql.query(`DROP OWNED BY ${role}`)
      await fixture.sql.query(`DROP ROLE ${role}`)
    }
  })
})

test('a port in use', async () => {
  await withMuteServer(async (port) => {
    expect(await refused({ HTTP_PORT: String(port) })).toBe(
      `Port ${port} on 127.0.0.1 is taken by another program: stop it, or set HTTP_PORT to a free port (0 picks one).`,
    )
  })
})

test('with valid settings the same daemon starts', async () => {
  expect(inject('kafkaBootstrap')).not.toEqual([])
  const daemon = fixture.daemon()
  await daemon.ready()
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})
