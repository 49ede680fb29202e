import { execFile } from 'node:child_process'
import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { defaultGroups } from '../../src/consumers/registry.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { freshDatabase, type FreshDatabase } from '../support/fresh.ts'
import { runWorkerctl, createWorkerctlFixture } from './workerctl-fixture.ts'

const nobody = '127.0.0.1:1'

test('offsets show prints the offsets of each group, and what is wrong with them', async () => {
  await using s = await createWorkerctlFixture({ partitions: 3 })
  await s.produce(0, 5)
  await s.produce(2, 4)
  await s.progress([3, 0])
  await s.admin.setCommitted(s.group, s.topic, new Map([[0, 4n]]))
  const { code, out } = await s.workerctl(['offsets', 'show', '--json'])
  expect(code).toBe(0)
  const { groups } = JSON.parse(out)
  expect(groups).toHaveLength(defaultGroups.length)
  expect(groups[0]).toMatchObject({ group: s.group, topic: s.topic, state: 'Empty', members: 0, lag: 2 })
  expect(groups[0].partitions).toMatchObject([
    { partition: 0, row: 3, committed: 4, low: 0, high: 5, lag: 2, state: 'commit-above-row' },
    { partition: 1, row: 0, committed: 0, low: 0, high: 0, lag: 0, state: 'ok', sentence: null },
    { partition: 2, row: null, committed: null, low: 0, high: 4, lag: null, state: 'new-partition' },
  ])
  expect(groups[1].partitions[0]).toMatchObject({ state: 'not-started' })

  const named = await s.workerctl(['offsets', 'show', '--json'], { environment: { KAFKA_GROUPS: 'analytics-workers' } })
  expect(JSON.parse(named.out).groups).toHaveLength(defaultGroups.length + 1)

  const leave = await s.join()
  const running = await s.workerctl(['offsets', 'show', '--group', 'email-workers'])
  expect(running.out).toContain(`${s.group} on ${s.topic}: Stable, 1 member, lag 2`)
  expect(running.out).toContain("Partition 0: Kafka's committed offset 4 is above the row")
  await leave()
})

test('offsets of a missing topic name it and the way out', async () => {
  await using s = await createWorkerctlFixture({ partitions: 0 })
  const { code, err } = await s.workerctl(['offsets', 'show'])
  expect(code).toBe(1)
  expect(err).toBe(
    `Topic ${s.topic} does not exist on these brokers: correct KAFKA_TOPIC or KAFKA_BROKERS, or create it with: npm run workerctl -- topics apply`,
  )
})

test('migrate applies the sets of the worker and of the groups in KAFKA_GROUPS, and prints versions and files; offsets before it name the missing migration', async () => {
  const { fresh, environment } = await emptyDatabase()
  try {
    const early = await runWorkerctl(['offsets', 'show'], environment)
    expect(early.code).toBe(1)
    expect(early.err).toContain('run "npm run workerctl -- migrate"')

    const refused = await runWorkerctl(['migrate'], environment)
    expect(refused.code).toBe(1)
    expect(refused.err).toContain("lacks the platform's tables")

    const app = await runWorkerctl(['migrate', '--set', 'app'], environment)
    expect(app).toMatchObject({ code: 0, out: 'app: from version 0 to 1, applied 001.do.platform.sql' })
    expect(app.err).toContain('for development databases only')
    expect((await runWorkerctl(['migrate', '--set', 'app'], environment)).out).toContain('nothing to apply')

    const worker = await runWorkerctl(['migrate', '--json'], environment)
    expect(JSON.parse(worker.out)).toEqual({
      sets: [{ set: 'worker', from: 0, to: expect.any(Number), applied: expect.arrayContaining(['001.do.tables.sql']) }],
    })
    expect((await runWorkerctl(['migrate'], environment)).out).toMatch(/^worker: already at version \d+, nothing to apply$/)

    const named = { ...environment, KAFKA_GROUPS: 'email-workers,analytics-workers' }
    expect((await runWorkerctl(['migrate', '--set', 'worker'], named)).out).toMatch(/^worker: .*, nothing to apply$/)
    expect((await runWorkerctl(['migrate'], named)).out).toMatch(
      /^worker: already at version \d+, nothing to apply\nanalytics: from version 0 to 1, applied 001\.do\.counters\.sql$/,
    )
    expect(JSON.parse((await runWorkerctl(['migrate', '--json'], named)).out)).toMatchObject({
      sets: [
        { set: 'worker', applied: [] },
        { set: 'analytics', from: 1, to: 1, applied: [] },
      ],
    })
  } finally {
    await fresh.drop()
  }
})

test("the set app is refused on the platform's own database", async () => {
  const { fresh, environment } = await emptyDatabase()
  const client = new Client({ connectionString: fresh.url })
  try {
    await client.connect()
    await client.query('CREATE TABLE accounts (id uuid PRIMARY KEY)')
    // The platform may have a table of that name for its own migrations.
    await client.query('CREATE TABLE schema_versions (version int)')
    const { code, err } = await runWorkerctl(['migrate', '--set', 'app'], environment)
    expect(code).toBe(1)
    expect(err).toContain('that set is for development databases only')
    expect((await client.query(`SELECT FROM pg_tables WHERE schemaname = 'public'`)).rowCount).toBe(2)
  } finally {
    await client.end()
    await fresh.drop()
  }
})

test('all problems of the configuration are reported at once, and no relay is required', async () => {
  const { code, out, err } = await runWorkerctl(['topics', 'apply'], {
    KAFKA_TOPIC: 'no topic',
    DATABASE_URL: 'mysql://user:hunter2@db.example.com/platform',
    DEDUPE_DAYS: 'many',
  })
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err.split('\n').map((line) => line.split(/[ :]/)[0])).toEqual(['KAFKA_BROKERS', 'KAFKA_TOPIC', 'DATABASE_URL', 'DEDUPE_DAYS'])
  expect(err).not.toContain('hunter2')
})

test('a broker or a database that does not answer is named', async () => {
  await using s = await createWorkerctlFixture()
  const noBroker = await s.workerctl(['offsets', 'show'], { environment: { KAFKA_BROKERS: nobody } })
  expect(noBroker.code).toBe(1)
  expect(noBroker.err).toContain(`no Kafka broker answers at ${nobody}`)
  const url = `postgresql://user:hunter2@${nobody}/platform`
  for (const args of [
    ['offsets', 'show'],
    ['offsets', 'reset', '--group', s.group, '--to', 'earliest'],
    ['migrate', '--set', 'app'],
  ]) {
    const { code, out, err } = await s.workerctl(args, { environment: { DATABASE_URL: url } })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^The database does not answer \(.*ECONNREFUSED.*\): check DATABASE_URL or PG\*, and that the server runs\.$/)
    expect(err).not.toContain('hunter2')
  }
  expect((await s.workerctl(['migrate'], { environment: { DATABASE_URL: url } })).err).toContain('cannot be reached')
})

test('the program: exit codes, one JSON object on standard output, sentences on standard error', async () => {
  await using s = await createWorkerctlFixture()
  const shown = await program(['offsets', 'show', '--group', s.group, '--json'], s.environment)
  expect(shown).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse(shown.out)).toMatchObject({ groups: [{ group: s.group }] })
  const refused = await program(['offsets', 'show', '--group', 'sales', '--json'], s.environment)
  expect(refused).toMatchObject({ code: 1, out: '' })
  expect(refused.err).toMatch(/^There is no group "sales".*\n$/)
  const debugged = await program(['offsets', 'show', '--group', 'sales', '--debug'], s.environment)
  expect(debugged.err).toContain('operator-group.ts')
  const help = await program(['offsets', 'reset', '--help'], {})
  expect(help).toMatchObject({ code: 0, err: '' })
  expect(help.out).toContain('Examples:')
})

async function emptyDatabase(): Promise<{ fresh: FreshDatabase; environment: Record<string, string> }> {
  const fresh = await freshDatabase()
  return { fresh, environment: { KAFKA_BROKERS: inject('kafkaBootstrap').join(','), DATABASE_URL: fresh.url } }
}

function program(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile('node', ['cmd/workerctl/main.ts', ...args], { env: cleanEnvironment(environment) }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}
