import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createPublisher } from '../../src/events/publisher.ts'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'
import { runWorkerctl } from '../integration/workerctl-fixture.ts'
import { startBrokerWithRights, type BrokerWithRights, type Right } from '../support/broker-rights.ts'
import type { Daemon } from '../support/daemon.ts'
import { grantStatements } from '../support/documented-grants.ts'
import { eventually } from '../support/eventually.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { Platform } from '../support/platform.ts'
import { expectClean } from '../support/refusal.ts'

let broker: BrokerWithRights
let fixture: Fixture
/** What the command prints, as the rights that its commands give. */
let printed: readonly Right[]

beforeAll(async () => {
  broker = await startBrokerWithRights()
  fixture = await createFixture({ partitions: 1, brokers: broker.kafka.bootstrap })
  printed = await acls()
})

afterEach(async () => {
  await broker.grant(...printed)
})

afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
  await broker.stop()
})

async function acls(...args: string[]): Promise<readonly Right[]> {
  const { code, out, err } = await runWorkerctl(['topics', 'acls', ...args], { ...fixture.variables, ...broker.login })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out.split('\n').flatMap(rightsOf)
}

const COMMAND =
  /^kafka-acls\.sh --bootstrap-server \S+ --add --allow-principal User:(worker|publisher)((?: --operation \w+)+)(?: --resource-pattern-type (prefixed))? --(topic|group) (\S+)$/

/** What Kafka's tool would make of a line of a shell. */
function rightsOf(line: string): readonly Right[] {
  if (line.startsWith('#')) return []
  const [, user, operations = '', pattern, kind, name = ''] = COMMAND.exec(line) ?? []
  expect({ line, user }).toMatchObject({ user: expect.any(String) })
  const all = [...operations.matchAll(/--operation (\w+)/g)].map(([, operation]) => operation)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the broker refuses an operation that it does not know
  return all.map((operation) => [kind, name, operation, user, ...(pattern === undefined ? [] : [pattern])] as unknown as Right)
}

async function publishAs(settings: BrokerWithRights['publisher']): Promise<unknown> {
  const producer = createEventProducer(settings)
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  await producer.connect()
  try {
    const publisher = createPublisher({ transport: producer, topic: fixture.topic })
    return await publisher.publishUserSignedUp({ ...campaign, ...(await platform.person(campaign)) })
  } finally {
    await producer.disconnect()
  }
}

/** Why the daemon does not work: the sentence of a refused start, or what readiness says of a group. */
function complaint(daemon: Daemon): Promise<string> {
  let found = ''
  const seen = eventually('the daemon says what is missing', async () => {
    const fatal = daemon.lines.find(({ level }) => level === 'fatal')
    found = fatal?.msg ?? ''
    if (found !== '') return true
    const response = await fetch(`${daemon.url()}/readyz`)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is in it is what the test asks
    const { checks } = (await response.json()) as { checks: Record<string, { ok: boolean; message?: string }> }
    found = Object.values(checks).find(({ ok, message }) => !ok && message?.includes('grant') === true)?.message ?? ''
    return found !== '' || JSON.stringify(checks)
  })
  return seen.then(() => found)
}

test('with exactly the printed ACLs an event has its effects, a poison record becomes a dead letter, and publisher and relay publish', async () => {
  await broker.grant(...printed)
  const daemon = fixture.daemon(broker.login)
  await daemon.ready()
  await publishAs(broker.publisher)
  await fixture.sendRaw([{ key: 'k', value: Buffer.from('{'), headers: { 'event-type': 'user.signed_up' } }])
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(1)
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  await fixture.transaction((tx) => fixture.publisher.inTransaction(tx).publishUserSignedUp({ ...campaign, ...person }))
  await eventually('the event of the outbox has its effect', () => fixture.smtp.counters.accepted === 2 || 'not yet')
  const letters = await fixture.sql.query<{ group_name: string }>('SELECT group_name FROM worker.dead_letters')
  expect(letters.map(({ group_name: group }) => group)).toContain(fixture.group('email-workers'))
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  expectClean(daemon)
})

test('the ACLs of one group are the rows of the next table, and those of all hold one of the relay and one of the publisher more', async () => {
  const group = fixture.group('email-workers')
  const dlq = `${fixture.topic}.${group}.dlq`
  expect(await acls('--group', group)).toEqual([
    ['topic', fixture.topic, 'Read', 'worker'],
    ['topic', fixture.topic, 'DescribeConfigs', 'worker'],
    ['group', group, 'Read', 'worker'],
    ['group', `${group}.reader-`, 'Read', 'worker', 'prefixed'],
    ['topic', dlq, 'Write', 'worker'],
  ])
  expect(printed).toHaveLength(5 * fixture.groups.length + 2)
  expect(printed.slice(-2)).toEqual([
    ['topic', fixture.topic, 'Write', 'worker'],
    ['topic', fixture.topic, 'Write', 'publisher'],
  ])
})

test('with exactly the printed ACLs an operator plans a replay and looks at a dead letter, and a daemon does the replay', async () => {
  const group = fixture.group('email-workers')
  const ofOperator = (await acls('--operator', 'User:publisher')).filter(
    ([, , operation, user]) => operation === 'Read' && user === 'publisher',
  )
  await broker.grant(...printed, ...ofOperator)
  const reader = ['group', `${group}.reader-`, 'Read', 'worker', 'prefixed'] as const
  const database = await roleWithGrants()
  await using daemon = fixture.daemon({ ...broker.login, DATABASE_URL: database.url, MAIL_MAX_EVENT_AGE_SECONDS: '3600' })
  await daemon.ready()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  await fixture.publisher.publishUserVerified({ ...campaign, ...person, timestamp: new Date(Date.now() - 3_700_000) })
  await fixture.sendRaw([{ key: 'k', value: Buffer.from('{"half":'), headers: { 'event-type': 'user.signed_up' } }])
  await fixture.drained()
  const sent = fixture.smtp.counters.accepted

  const order = ['replay', 'run', '--group', 'email-workers', '--from', 'earliest', '--user', person.userId]
  const by = ['--confirm', '1', '--owner', 'ada', '--because', 'mails were late']
  expect(await asOperator('replay', 'plan', ...order.slice(2))).toMatchObject({
    code: 0,
    out: expect.stringContaining('would have 1 effect,'),
  })
  const [letter] = await fixture.sql.query<{ handle: string }>(
    `SELECT group_name || '/' || partition || '/' || "offset" AS handle FROM worker.dead_letters WHERE group_name = $1 ORDER BY "offset" DESC LIMIT 1`,
    [group],
  )
  const value = ['dlq', 'show', letter?.handle ?? '', '--value', '--reveal']
  expect(await asOperator(...value)).toMatchObject({ code: 0, err: '', out: expect.stringContaining('half') })

  await broker.revoke(reader)
  await asOperator(...order, ...by)
  expect(await endOfReplay(1)).toEqual({
    state: 'failed',
    detail: expect.stringMatching(
      /^Kafka at \S+ does not let our user read as group "\S+\.reader-[0-9a-f-]{36}": grant Read on groups with the prefix "\S+\.reader-" \("npm run workerctl -- topics acls" prints how\)$/,
    ),
  })
  await broker.grant(reader)
  await asOperator(...order, ...by)
  expect(await endOfReplay(2)).toEqual({ state: 'done', detail: null })
  await fixture.drained()
  expect(fixture.smtp.counters.accepted).toBe(sent + 1)
  expect(
    await asOperator('dlq', 'replay', letter?.handle ?? '', '--owner', 'ada', '--because', 'looked at', '--confirm', '1'),
  ).toMatchObject({ code: 0 })
  await eventually('the dead letter was replayed, and failed again', async () => {
    const actions = await fixture.sql.query<{ action: string }>('SELECT action FROM worker.dead_letter_actions ORDER BY id')
    return actions.map(({ action }) => action).join() === 'replay,failed' || JSON.stringify(actions)
  })
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
  await database.drop()

  for (const [name, args] of [
    [`${group}.reader-`, ['replay', 'plan', ...order.slice(2)]],
    [`${fixture.groupPrefix}workerctl-reader-`, value],
  ] as const) {
    await broker.revoke(['group', name, 'Read', 'publisher', 'prefixed'])
    expect(await asOperator(...args)).toMatchObject({
      code: 1,
      err: expect.stringContaining(`grant Read on groups with the prefix "${name}"`),
    })
  }
  await broker.revoke(...ofOperator)
})

/** A role with the documented rights on the tables that operators decide in. */
async function roleWithGrants() {
  const url = new URL(fixture.databaseUrl)
  const role = `role_${url.pathname.slice(1)}`
  url.username = role
  url.password = 'secret'
  await fixture.sql.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
  for (const statement of grantStatements(role)) await fixture.sql.query(statement)
  const drop = async () => {
    await fixture.sql.query(`DROP OWNED BY ${role}`)
    await fixture.sql.query(`DROP ROLE ${role}`)
  }
  return { url: url.href, drop }
}

/** Runs workerctl with a login of its own. */
function asOperator(...args: readonly string[]) {
  return runWorkerctl(args, { ...fixture.variables, ...broker.login, KAFKA_SASL_USERNAME: 'publisher' })
}

/** How the replay that was ordered as this one ended. */
async function endOfReplay(place: number): Promise<unknown> {
  let end: unknown
  await eventually(`replay ${place} is over`, async () => {
    const jobs = await fixture.sql.query<{ state: string; detail: string | null }>(
      'SELECT state, detail FROM worker.replay_jobs ORDER BY id',
    )
    end = jobs[place - 1]
    return ['failed', 'done'].includes(jobs[place - 1]?.state ?? '') || JSON.stringify(jobs)
  })
  return end
}

test('operators who have no user yet are in remarks, with the rights that --operator prints', async () => {
  const group = fixture.group('email-workers')
  const { out } = await runWorkerctl(['topics', 'acls', '--group', group], { ...fixture.variables, ...broker.login })
  expect(out.split('\n').slice(-5)).toEqual([
    '# Who runs dlq, replay plan or replay run as another user needs (--operator prints the commands):',
    `# - Read on topic ${fixture.topic}`,
    `# - Read on topic ${fixture.topic}.${group}.dlq`,
    `# - Read on groups with the prefix ${group}.reader-`,
    `# - Read on groups with the prefix ${fixture.groupPrefix}workerctl-reader-`,
  ])
  const printedFor = await acls('--group', group, '--operator', 'User:publisher')
  expect(printedFor.filter(([, , , user]) => user === 'publisher')).toEqual([
    ['topic', fixture.topic, 'Read', 'publisher'],
    ['topic', `${fixture.topic}.${group}.dlq`, 'Read', 'publisher'],
    ['group', `${group}.reader-`, 'Read', 'publisher', 'prefixed'],
    ['group', `${fixture.groupPrefix}workerctl-reader-`, 'Read', 'publisher', 'prefixed'],
  ])
})

test.each<[string, (topic: string, group: string) => Right, RegExp]>([
  [
    'Read on the topic',
    (topic) => ['topic', topic, 'Read'],
    /^Topic \S+ does not exist, or our user has no right there \("npm run workerctl -- topics acls" prints what it needs\): .*\.$/,
  ],
  [
    'DescribeConfigs on the topic',
    (topic) => ['topic', topic, 'DescribeConfigs'],
    /^Kafka at \S+ does not give our user the right DescribeConfigs on topic "\S+": grant it\.$/,
  ],
  [
    'Read on the group',
    (_, group) => ['group', group, 'Read'],
    /Kafka at \S+ does not let our user read as group "\S+": grant Read on that group\.$/,
  ],
  [
    'Write on the dead-letter topic',
    (topic, group) => ['topic', `${topic}.${group}.dlq`, 'Write'],
    /^Topic \S+\.dlq does not exist, or our user has no right there \("npm run workerctl -- topics acls" prints what it needs\): .*\.$/,
  ],
])('without %s a daemon does not work, and says in a sentence what is missing', async (_, missing, sentence) => {
  const group = fixture.group('email-workers')
  await broker.revoke(...printed)
  await broker.grant(...(await acls('--group', group)))
  const only = { ...broker.login, KAFKA_GROUPS: 'email-workers' }
  await using whole = fixture.daemon(only)
  await whole.ready()
  whole.kill('SIGTERM')
  expect(await whole.exited).toBe(0)

  await broker.revoke(missing(fixture.topic, group))
  await using daemon = fixture.daemon(only)
  expect(await complaint(daemon)).toMatch(sentence)
  expectClean(daemon)
})

test('without its one right a publisher is refused with a sentence', async () => {
  await broker.revoke(['topic', fixture.topic, 'Write', 'publisher'])
  await expect(publishAs(broker.publisher)).rejects.toThrow(/does not give our user the right Write on topic "\S+": grant it$/)
})

test('a missing principal, and text that is not one, is refused with a sentence', async () => {
  const plain = await runWorkerctl(['topics', 'acls'], fixture.variables)
  expect(plain).toEqual({
    code: 1,
    out: '',
    err: 'KAFKA_SASL_USERNAME is not set: name the user that runs the groups by --principal, such as User:worker.',
  })
  const wrong = await runWorkerctl(['topics', 'acls', '--principal', 'worker'], fixture.variables)
  expect(wrong).toEqual({
    code: 1,
    out: '',
    err: '--principal is "worker", which is no principal: give a type and a name, such as User:worker.',
  })
  const subject = await runWorkerctl(['topics', 'acls', '--principal', "User:CN=it's, O=x", '--group', 'reward-workers'], fixture.variables)
  expect(subject.out).toContain(`--allow-principal 'User:CN=it'\\''s, O=x' --operation Read --operation DescribeConfigs --topic`)
  const json = await runWorkerctl(['topics', 'acls', '--principal', 'User:w', '--json'], fixture.variables)
  expect(JSON.parse(json.out)).toMatchObject({
    grants: [
      ...fixture.groups.map((name) => ({ role: 'group', group: fixture.group(name), principal: 'User:w' })),
      { role: 'relay', group: null, principal: 'User:w' },
      { role: 'publisher', group: null, principal: 'User:publisher' },
    ],
  })
  const without = await runWorkerctl(['topics', 'acls', '--principal', 'User:w'], { ...fixture.variables, OUTBOX_RELAY: 'false' })
  expect(without.out).not.toContain('relay')
})
