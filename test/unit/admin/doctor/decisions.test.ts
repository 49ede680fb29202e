import { describe, expect, it } from 'vitest'
import { aclsSeen, missingRights, type AllowedOperations } from '../../../../src/admin/doctor/acl-check.ts'
import { advertisedFindings, brokerSeen, tlsSeen } from '../../../../src/admin/doctor/broker-checks.ts'
import { kafkaRelease, type BrokerFacts } from '../../../../src/admin/doctor/broker-facts.ts'
import { verdictOf, type Seen } from '../../../../src/admin/doctor/check.ts'
import { clockSeen, indexesSeen, migrationsSeen, serverSeen } from '../../../../src/admin/doctor/database-checks.ts'
import { endpointsSeen, type EndpointFacts } from '../../../../src/admin/doctor/endpoint-check.ts'
import { groupsSeen } from '../../../../src/admin/doctor/group-check.ts'
import type { Grant } from '../../../../src/admin/topics/topic-rights.ts'
import { DAY_MS } from '../../../../src/std/day.ts'

const now = Date.UTC(2026, 0, 1)
const verdict = ({ findings }: Seen) => verdictOf(findings)

const broker = (more: Partial<BrokerFacts> = {}): BrokerFacts => ({
  address: 'kafka:9092',
  refused: null,
  tls: null,
  apiVersions: new Map([[1, 17]]),
  reply: null,
  ...more,
})
const tls = (fault: NonNullable<BrokerFacts['tls']>['fault'], days: number | null) => ({
  fault,
  notAfter: days === null ? null : now + days * DAY_MS,
})

const own = (from: number, to: number) => [{ variable: 'KAFKA_SSL_CERT_FILE', notBefore: now + from * DAY_MS, notAfter: now + to * DAY_MS }]

const allowed = (topic: readonly string[] | null, group: readonly string[]): AllowedOperations => ({
  topics: new Map([['events', topic === null ? null : new Set(topic)]]),
  groups: new Map([['mail', new Set(group)]]),
})

const at = (refused: EndpointFacts['refused'], n = 1): EndpointFacts => ({ origin: `https://${n}.example.com`, refused })

describe('the broker', () => {
  it.each<[string, readonly BrokerFacts[], string, string]>([
    ['it answers', [broker()], 'ok', 'kafka:9092 answers, by its API versions as Kafka 3.9 or newer.'],
    [
      'none accepts',
      [broker({ refused: 'ECONNREFUSED', apiVersions: null })],
      'failed',
      'No broker accepts a connection: kafka:9092 (ECONNREFUSED).',
    ],
    [
      'one of two is away',
      [broker({ address: 'a:1', refused: 'ETIMEDOUT', apiVersions: null }), broker()],
      'warning',
      'kafka:9092 answers, by its API versions as Kafka 3.9 or newer.',
    ],
    [
      'its handshake fails, which is a matter of TLS',
      [broker({ apiVersions: null, tls: tls({ is: 'expired', code: 'X' }, null) })],
      'warning',
      'kafka:9092 accepts connections, but its TLS handshake fails, so Kafka was not reached.',
    ],
    [
      'one of two is no broker',
      [broker({ address: 'a:1', apiVersions: null, reply: 'http' }), broker()],
      'warning',
      'kafka:9092 answers, by its API versions as Kafka 3.9 or newer.',
    ],
  ])('%s', (_, facts, expected, sentence) => {
    expect([verdict(brokerSeen(facts)), brokerSeen(facts).sentence]).toEqual([expected, sentence])
  })

  it.each<[BrokerFacts['reply'], BrokerFacts['tls'], string, string]>([
    ['silent', null, 'but does not answer as a Kafka broker (waited 4 s)', 'correct the port'],
    ['closed', null, 'but does not speak Kafka, or expects TLS: it closes them at the first request', 'to SSL or SASL_SSL if its listener'],
    ['closed', tls(null, 90), 'but does not speak Kafka: it closes them at the first request', 'correct the port in KAFKA_BROKERS'],
    ['tls', null, 'but expects TLS, which KAFKA_SECURITY_PROTOCOL does not use', 'set KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL'],
    ['http', null, 'but does not speak Kafka: it answers as an HTTP server', 'correct the port in KAFKA_BROKERS'],
    ['postgresql', null, 'but does not speak Kafka: it answers as a PostgreSQL server', 'correct the port in KAFKA_BROKERS'],
    ['other', null, 'but does not speak Kafka: it answers in another protocol', 'correct the port in KAFKA_BROKERS'],
  ])('accepts connections and is no broker (%s): the first line is the failure, and its way out the first', (reply, secured, what, fix) => {
    const away = broker({ address: 'a:1', refused: 'ECONNREFUSED', apiVersions: null })
    const seen = brokerSeen([away, broker({ apiVersions: null, tls: secured, reply })])
    const [first, second] = seen.findings
    expect(seen.sentence).toBe(`kafka:9092 accepts connections ${what}.`)
    expect(first).toMatchObject({ is: 'failed', sentence: seen.sentence, fix: expect.stringContaining(fix) })
    expect(second).toMatchObject({ is: 'warning', sentence: 'a:1 of KAFKA_BROKERS accepts no connection (ECONNREFUSED).' })
  })

  it.each<[readonly (readonly [number, number])[], string]>([
    [
      [
        [3, 13],
        [1, 18],
      ],
      '4.0 or newer',
    ],
    [
      [
        [3, 12],
        [1, 17],
      ],
      '3.9 or newer',
    ],
    [
      [
        [3, 12],
        [1, 12],
      ],
      '2.8 or newer',
    ],
    [[[3, 8]], 'older than 2.4'],
  ])('is by its API versions %j of release %s', (versions, release) => {
    expect(kafkaRelease(new Map(versions))).toBe(release)
  })

  it('is announced at an address that cannot be reached, or is no broker', () => {
    const facts = [
      broker(),
      broker({ address: 'b:2', refused: 'ENOTFOUND' }),
      broker({ address: 'c:3', apiVersions: null, reply: 'http' }),
      broker({ address: 'd:4', apiVersions: null, tls: tls({ is: 'misnamed', code: 'X' }, null) }),
    ]
    expect(advertisedFindings(facts).map(({ sentence }) => sentence)).toEqual([
      'The cluster announces a broker at b:2, which cannot be reached from here (ENOTFOUND).',
      'The cluster announces a broker at c:3, which accepts connections but does not speak Kafka: it answers as an HTTP server.',
      'The cluster announces a broker at d:4, which accepts connections, but its TLS handshake fails, so Kafka was not reached.',
    ])
  })
})

describe('TLS', () => {
  it.each<[string, readonly BrokerFacts[], ReturnType<typeof own>, string]>([
    ['certificates that last', [broker({ tls: tls(null, 90) })], own(-1, 90), 'ok'],
    ['a certificate that ends soon', [broker({ tls: tls(null, 29) })], [], 'warning'],
    ['a certificate that is not trusted', [broker({ tls: tls({ is: 'untrusted', code: 'X' }, null) })], [], 'failed'],
    ['a certificate of ours that ends soon', [broker({ tls: tls(null, 90) })], own(-1, 3), 'warning'],
    ['a certificate of ours that has ended', [broker({ tls: tls(null, 90) })], own(-9, -1), 'failed'],
    ['a certificate of ours that has not begun', [broker({ tls: tls(null, 90) })], own(1, 90), 'failed'],
  ])('%s', (_, facts, certificates, expected) => {
    expect(verdict(tlsSeen(facts, certificates, true, now))).toBe(expected)
  })

  it('fails without a reason where the listener may not speak it: the way out names the protocol and the port', () => {
    const seen = tlsSeen([broker({ apiVersions: null, tls: tls({ is: 'failed', code: 'ECONNRESET' }, null) })], [], true, now)
    expect(seen.findings).toMatchObject([{ is: 'failed', fix: expect.stringContaining('correct KAFKA_SECURITY_PROTOCOL or the port') }])
  })

  it('is not looked at where it is not used', () => {
    expect(tlsSeen([broker()], [], false, now)).toMatchObject({ sentence: expect.stringContaining('no TLS'), findings: [] })
  })
})

describe('rights', () => {
  const grant: Grant = {
    role: 'group',
    group: 'mail',
    principal: 'User:worker',
    rights: [
      { resource: 'topic', name: 'events', operation: 'Read' },
      { resource: 'topic', name: 'events', operation: 'DescribeConfigs' },
      { resource: 'group', name: 'mail', operation: 'Read' },
    ],
  }
  it.each<[string, AllowedOperations, readonly string[]]>([
    ['all are there', allowed(['Read', 'DescribeConfigs', 'Write'], ['Read']), []],
    ['one of the topic is missing', allowed(['Read'], ['Read']), ['DescribeConfigs events']],
    ['the topic and the group are closed', allowed([], []), ['Read events', 'DescribeConfigs events', 'Read mail']],
    ['the topic does not exist, or the brokers do not say', allowed(null, ['Read']), []],
  ])('%s', (_, has, missing) => {
    expect(missingRights([grant], has).flatMap(({ rights }) => rights.map(({ operation, name }) => `${operation} ${name}`))).toEqual(
      missing,
    )
  })

  it('on a prefix are looked for under a name that begins with it', () => {
    const rights = [{ resource: 'group', name: 'mail.reader-', operation: 'Read', pattern: 'prefixed' }] as const
    const seen = (name: string) =>
      aclsSeen(
        [{ ...grant, rights }],
        {
          topics: new Map(),
          groups: new Map([
            ['mail.reader-', new Set(['Read'])],
            [name, new Set<string>()],
          ]),
        },
        ['kafka:9092'],
      )
    expect(seen('mail.reader-doctor').findings).toEqual([
      {
        is: 'failed',
        sentence: 'Group mail lacks the right Read on groups with the prefix mail.reader-.',
        fix: 'kafka-acls.sh --bootstrap-server kafka:9092 --add --allow-principal User:worker --operation Read --resource-pattern-type prefixed --group mail.reader-',
      },
    ])
  })

  it('are granted by the commands of the finding', () => {
    expect(aclsSeen([grant], allowed(['Read'], ['Read']), ['kafka:9092']).findings).toEqual([
      {
        is: 'failed',
        sentence: 'Group mail lacks the right DescribeConfigs on topic events.',
        fix: 'kafka-acls.sh --bootstrap-server kafka:9092 --add --allow-principal User:worker --operation DescribeConfigs --topic events',
      },
    ])
  })
})

describe('the database', () => {
  it.each<[string, Seen, string, string]>([
    [
      'a version that is supported',
      serverSeen({ version: '17.2', tls: 'TLSv1.3 X', maxConnections: 100 }),
      'ok',
      'PostgreSQL 17.2 accepts writes, over TLSv1.3 X.',
    ],
    [
      'a version that is too old',
      serverSeen({ version: '13.9', tls: null, maxConnections: 100 }),
      'warning',
      'PostgreSQL 13.9 accepts writes, without TLS.',
    ],
    [
      'migrations as they are',
      migrationsSeen([{ set: 'worker', newest: 23, version: 23, changed: [] }]),
      'ok',
      'worker at 23: nothing pending.',
    ],
    [
      'newer migrations',
      migrationsSeen([{ set: 'worker', newest: 23, version: 24, changed: [] }]),
      'warning',
      'worker at 24: nothing pending.',
    ],
    [
      'a changed migration',
      migrationsSeen([{ set: 'worker', newest: 23, version: 23, changed: [2] }]),
      'failed',
      'worker at 23: nothing pending.',
    ],
    ['a valid index', indexesSeen([{ name: 'w.i', state: 'valid', statement: 'S' }]), 'ok', '1 indexes are there and valid.'],
    [
      'an invalid index',
      indexesSeen([{ name: 'w.i', state: 'invalid', statement: 'S' }]),
      'failed',
      'The index w.i is invalid: its build was interrupted, and no query uses it.',
    ],
    ['a missing index', indexesSeen([{ name: 'w.i', state: 'missing', statement: 'S' }]), 'failed', 'The index w.i is missing.'],
  ])('with %s', (_, seen, expected, sentence) => {
    expect([verdict(seen), seen.sentence]).toEqual([expected, sentence])
  })

  it.each<[string, number, number, number, string]>([
    ['the same', 0, 0, 0, 'ok'],
    ['the same, but the answer took long', 0, 10_000, 20_000, 'ok'],
    ['a little behind', 0, 6_000, 10, 'warning'],
    ['a little ahead', 6_000, 0, 6_010, 'warning'],
    ['far behind', 0, 400_000, 10, 'failed'],
    ['far ahead', 400_000, 0, 400_010, 'failed'],
  ])('with a clock that is %s', (_, before, server, after, expected) => {
    expect(verdict(clockSeen({ before, server, after }))).toBe(expected)
  })
})

describe('groups', () => {
  it('are described with their members, and need none', () => {
    const seen = groupsSeen([
      { id: 'a', state: 'Stable', members: 2 },
      { id: 'b', state: 'Dead', members: 0 },
    ])
    expect(seen).toEqual({ sentence: 'a has 2 members (Stable), b has no member.', findings: [] })
  })
})

describe('endpoints', () => {
  it.each<[string, readonly EndpointFacts[], string]>([
    ['none is known', [], 'ok'],
    ['all are reached', [at(null), at(null, 2)], 'ok'],
    ['one of two is away', [at(null), at('no-connection', 2)], 'warning'],
    ['the only one is away', [at('unresolved')], 'warning'],
    ['all of several are away, which is our own network', [at('unresolved'), at('no-answer', 2)], 'failed'],
    ['all of several are refused by the guard', [at('address-refused'), at('address-refused', 2)], 'warning'],
  ])('%s', (_, facts, expected) => {
    expect(verdict(endpointsSeen(facts, facts.length))).toBe(expected)
  })
})
