import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CheckResult } from '../../src/admin/doctor/check.ts'
import { startBrokerWithRights, type BrokerWithRights, type Right } from '../support/broker-rights.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { startSecureStack, type SecureStack } from '../support/secure-stack.ts'
import { runWorkerctl } from './workerctl-fixture.ts'

async function doctor(variables: Readonly<Record<string, string>>, ...only: readonly string[]) {
  const args = only.length === 0 ? [] : ['--only', ...only]
  const { code, out, err } = await runWorkerctl(['doctor', '--json', ...args], variables)
  expect(err).toBe('')
  const report: { ok: boolean; stoppedAt: string | null; checks: readonly CheckResult[] } = JSON.parse(out)
  const wrong = report.checks.flatMap(({ name, findings }) => findings.map(({ sentence, fix }) => `${name}: ${sentence} -> ${fix}`))
  return {
    code,
    out,
    ok: report.ok,
    stoppedAt: report.stoppedAt,
    wrong,
    words: Object.fromEntries(report.checks.map(({ name, is }) => [name, is])),
  }
}

/** The rights that a line of commands gives. */
function granted(commands: string): readonly Right[] {
  return commands.split(' && ').flatMap((command) => {
    const [, operations = '', pattern, kind, name = ''] =
      /--allow-principal User:worker((?: --operation \w+)+)(?: --resource-pattern-type (\w+))? --(topic|group) (\S+)$/.exec(command) ?? []
    const all = [...operations.matchAll(/--operation (\w+)/g)]
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the broker refuses an operation that it does not know
    return all.map(([, operation]) => [kind, name, operation, 'worker', pattern] as unknown as Right)
  })
}

describe('doctor on brokers with authorization', () => {
  let broker: BrokerWithRights
  let fixture: Fixture
  let all: readonly Right[]
  beforeAll(async () => {
    broker = await startBrokerWithRights()
    fixture = await createFixture({ partitions: 1, brokers: broker.kafka.bootstrap })
    const { out } = await runWorkerctl(['topics', 'acls'], { ...fixture.variables, ...broker.login })
    all = out
      .split('\n')
      .filter((line) => line.includes('User:worker'))
      .flatMap(granted)
    await broker.grant(...all)
  })
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]()
    await broker.stop()
  })

  test('finds nothing wrong with exactly the rights that topics acls prints', async () => {
    expect(all.length).toBeGreaterThan(10)
    expect(await doctor({ ...fixture.variables, ...broker.login })).toMatchObject({ code: 0, ok: true, wrong: [] })
  })

  test.each<[string, (topic: string, group: string) => Right]>([
    ['Read on the topic', (topic) => ['topic', topic, 'Read']],
    ['DescribeConfigs on the topic', (topic) => ['topic', topic, 'DescribeConfigs']],
    ['Read on the group', (_, group) => ['group', group, 'Read']],
    ['Read on the groups of replays', (_, group) => ['group', `${group}.reader-`, 'Read', 'worker', 'prefixed']],
    ['Write on the dead-letter topic', (topic, group) => ['topic', `${topic}.${group}.dlq`, 'Write']],
  ])('names %s when it is missing, with its group, and the commands that it gives grant it', async (_, missing) => {
    const right = missing(fixture.topic, fixture.group('email-workers'))
    const variables = { ...fixture.variables, ...broker.login, KAFKA_GROUPS: 'email-workers', OUTBOX_RELAY: 'false' }
    await broker.revoke(right)
    const report = await doctor(variables)
    const [kind, name, operation, , pattern] = right
    const found = report.wrong.find((line) => line.startsWith('acls: ')) ?? ''
    expect(report).toMatchObject({ code: 2, words: { acls: 'failed', database: 'ok' } })
    expect(found).toContain(`acls: Group ${fixture.group('email-workers')} lacks the right `)
    expect(found).toContain(`${operation} on ${pattern === undefined ? kind : 'groups with the prefix'} ${name}.`)
    await broker.grant(...granted(found.slice(found.indexOf(' -> ') + 4)))
    expect(await doctor(variables)).toMatchObject({ code: 0, ok: true, wrong: [] })
  })

  test('names a login that the brokers refuse, without the password', async () => {
    const report = await doctor({ ...fixture.variables, ...broker.login, KAFKA_SASL_PASSWORD: 'other-hidden-word' })
    expect(report).toMatchObject({
      code: 2,
      stoppedAt: 'login',
      words: { broker: 'ok', tls: 'ok', topics: 'skipped', acls: 'skipped', database: 'ok' },
    })
    expect(report.wrong).toEqual([
      expect.stringMatching(
        /^login: Kafka at \S+ rejects the user or the password \(SCRAM-SHA-512\)\. -> correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD$/,
      ),
    ])
    expect(report.out).not.toContain('hidden-word')
  })
})

describe('doctor on servers with TLS', () => {
  let secure: SecureStack
  beforeAll(async () => {
    secure = await startSecureStack()
  })
  afterAll(async () => secure.stop())

  const variables = (more: Readonly<Record<string, string>> = {}) => ({
    KAFKA_BROKERS: secure.kafka.secured['LOGIN'] ?? '',
    KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
    KAFKA_SSL_CA_FILE: secure.files.ca,
    KAFKA_SASL_USERNAME: 'worker',
    KAFKA_SASL_PASSWORD: secure.secrets[0] ?? '',
    DATABASE_URL: secure.postgres.url,
    KAFKA_GROUPS: 'position-workers',
    ...more,
  })

  test('verifies certificates and the login, and says how long the certificates last', async () => {
    const report = await doctor(variables(), 'login')
    expect(report).toMatchObject({ words: { broker: 'ok', tls: expect.stringMatching(/ok|warning/), login: 'ok' } })
    expect(report.out).toMatch(/\d{4}-\d\d-\d\d/)
  })

  test('names a listener that expects TLS where the configuration uses none', async () => {
    const report = await doctor(variables({ KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT', KAFKA_SSL_CA_FILE: '' }), 'login')
    expect(report).toMatchObject({ code: 2, stoppedAt: 'broker', words: { broker: 'failed', tls: 'skipped' } })
    expect(report.wrong.join('\n')).toMatch(
      /^broker: \S+ accepts connections but (?:does not speak Kafka, or )?expects TLS.* -> .*set KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL/,
    )
  })

  test.each<[string, () => Record<string, string>, string]>([
    ['another authority', () => ({ KAFKA_SSL_CA_FILE: secure.files.foreignCa }), 'is not signed by a trusted authority'],
    [
      'another host name',
      () => ({ KAFKA_BROKERS: (secure.kafka.secured['LOGIN'] ?? '').replace('127.0.0.1', 'localhost') }),
      'is for another host name',
    ],
    [
      'a missing client certificate',
      () => ({
        KAFKA_BROKERS: secure.kafka.secured['MUTUAL'] ?? '',
        KAFKA_SECURITY_PROTOCOL: 'SSL',
        KAFKA_SASL_USERNAME: '',
        KAFKA_SASL_PASSWORD: '',
      }),
      'refuses our client certificate, or the lack of one',
    ],
  ])('names the verification that fails: %s', async (_, more, sentence) => {
    const report = await doctor(variables(more()), 'login')
    expect(report).toMatchObject({ code: 2, stoppedAt: 'tls', words: { broker: 'warning', tls: 'failed', login: 'skipped' } })
    expect(report.wrong.join('\n')).toContain(sentence)
  })
})
