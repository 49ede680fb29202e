import { describe, expect, it, vi } from 'vitest'
import { loadConfig } from '../../../config/load.ts'
import { preflight, type PreflightSettings } from '../../../src/daemon/preflight.ts'
import { OperatorError } from '../../../src/std/failure.ts'
import { SqlError } from '../../../src/std/sql.ts'
import type { RetentionClass } from '../../../src/events/catalogue/define-event.ts'
import type { LogAdmin } from '../../../src/ingest/log-admin.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { DAY_MS } from '../../../src/std/day.ts'

const soon = <Result>(look: () => Result) => vi.waitFor(look, { interval: 1, timeout: 30_000 })

/** Everything is there, but for what the test takes away. */
function fixtureOf(
  change: {
    readonly topics?: Record<string, number>
    readonly retentionMs?: number
    readonly cleanupPolicy?: string
    readonly retentionBytes?: number
    readonly retention?: RetentionClass
    /** A second topic, with the settings of the first, and its dead-letter topic. */
    readonly second?: boolean
    readonly connect?: () => Promise<void>
    readonly query?: () => Promise<never[]>
    readonly checkSchema?: PreflightSettings['checkSchema']
    readonly requireWritable?: PreflightSettings['requireWritable']
    readonly env?: Record<string, string>
  } = {},
) {
  const clock = createManualClock()
  const reported: string[] = []
  const warned: string[] = []
  const stopping = new AbortController()
  const topics = ['domain-events', ...(change.second === true ? ['orders'] : [])]
  const admin: LogAdmin = {
    connect: change.connect ?? (async () => undefined),
    topics: async () =>
      new Map(
        Object.entries(
          change.topics ??
            Object.fromEntries(
              topics.flatMap((name) => [
                [name, 10],
                [`${name}.email-workers.dlq`, 10],
              ]),
            ),
        ),
      ),
    topicConfig: async () =>
      new Map([
        ...(change.retentionMs === undefined ? [] : [['retention.ms', String(change.retentionMs)] as const]),
        ...(change.retentionBytes === undefined ? [] : [['retention.bytes', String(change.retentionBytes)] as const]),
        ...(change.cleanupPolicy === undefined ? [] : [['cleanup.policy', change.cleanupPolicy] as const]),
      ]),
    createTopic: unused,
    growTopic: unused,
    ranges: unused,
    topicId: unused,
    epochEnds: unused,
    offsetsAt: unused,
    committed: unused,
    committedWithOwner: unused,
    setCommitted: unused,
    groupState: unused,
    disconnect: unused,
  }
  const environment = { KAFKA_BROKERS: 'broker.example.com:9092', DATABASE_URL: 'postgresql://db.example.com/platform', ...change.env }
  const boot = preflight({
    config: loadConfig({ ...environment, KAFKA_GROUPS: 'email-workers' }, { groups: ['email-workers'], mailGroups: [] }),
    groups: topics.map((topic) => ({ id: 'email-workers', topic })),
    catalogue: topics.map((name) => ({ name, retention: change.retention ?? 'domain', keys: ['campaign_id'] })),
    admin,
    sql: { query: change.query ?? (async () => []) },
    checkSchema: change.checkSchema ?? (async () => undefined),
    requireWritable: change.requireWritable ?? (async () => undefined),
    clock,
    signal: stopping.signal,
    onWaiting: (sentence) => reported.push(sentence),
    onWarning: (sentence) => warned.push(sentence),
  })
  // The refusal of the boot, or null.
  const ended = boot.then(
    () => null,
    (error: unknown) => error,
  )
  return { ended, clock, reported, warned, stop: () => stopping.abort() }
}

const unused = () => Promise.reject(new Error('not what the boot asks'))
const away = () => Promise.reject(new SqlError('connect ECONNREFUSED', {}))

describe('preflight', () => {
  it('reports nothing when every requirement is met', async () => {
    const { ended, reported } = fixtureOf()
    expect(await ended).toBeNull()
    expect(reported).toEqual([])
  })

  it.each<[string, Parameters<typeof fixtureOf>[0], RegExp]>([
    ['missing topics', { topics: {} }, /Topics domain-events, domain-events\.email-workers\.dlq do not exist.*workerctl -- topics apply/],
    ['a missing dead-letter topic', { topics: { 'domain-events': 10 } }, /Topic domain-events\.email-workers\.dlq does not exist/],
    [
      'a narrow dead-letter topic',
      { topics: { 'domain-events': 10, 'domain-events.email-workers.dlq': 9 } },
      /domain-events\.email-workers\.dlq has fewer partitions than domain-events \(10\).*topics apply/,
    ],
    [
      'a topic that remembers longer than the database',
      { retentionMs: 84 * DAY_MS },
      /DEDUPE_DAYS is 90, but topic domain-events keeps records for 84 days.*set DEDUPE_DAYS to 91 or more, or shorten retention\.ms of domain-events to at most 7171200000\.$/,
    ],
    [
      'a topic that remembers longer than the database, as its class asks, with the only way out',
      { retention: 'analytics', retentionMs: 365 * DAY_MS },
      /keeps records for 365 days, so that an event could come back after it was forgotten: set DEDUPE_DAYS to 372 or more\.$/,
    ],
    [
      'two topics that remember longer than the database',
      { second: true, retentionMs: 84 * DAY_MS },
      /but topic domain-events keeps records for 84 days and topic orders keeps .* 91 or more, or shorten retention\.ms of domain-events, orders to/,
    ],
    [
      'all topics that contradict the catalogue',
      { second: true, retentionMs: 29 * DAY_MS },
      /^Topic domain-events contradicts the catalogue of events \(it keeps [^)]*\), topic orders does, too \(it keeps [^)]*30 days\): run "npm/,
    ],
    [
      'a topic that keeps events for less than their class asks, and will keep them for longer than the database remembers',
      { retention: 'analytics', retentionMs: 7 * DAY_MS },
      /^Topic domain-events contradicts .* all the same\. DEDUPE_DAYS is 90, but topic domain-events is to keep records for 365 days, so .*: set DEDUPE_DAYS to 372 or more\.$/,
    ],
    [
      'a topic with a limit of size',
      { retentionBytes: 5000 },
      /contradicts the catalogue of events \(its retention\.bytes is 5000, by which events are deleted however young they are\): run/,
    ],
    [
      'a compacted topic',
      { cleanupPolicy: 'compact' },
      /^Topic domain-events contradicts the catalogue of events \(its cleanup\.policy is compact, which keeps only the last event of each campaign_id\): run "npm run workerctl -- topics apply", then start again; or set KAFKA_TOPIC_CHECK=warn/,
    ],
    [
      'a topic that keeps events for less than their class asks',
      { retentionMs: 29 * DAY_MS },
      /\(it keeps events for 29 days, and those of the class domain are kept for 30 days\): run "npm run workerctl -- topics apply"/,
    ],
    [
      'a schema that is behind',
      { checkSchema: () => Promise.reject(new OperatorError('The schema is behind: run workerctl migrate.')) },
      /^The schema is behind/,
    ],
    ['a role without rights', { query: () => Promise.reject(new SqlError('permission denied', { state: '42501' })) }, /lacks a right/],
  ])('refuses %s at once, with the way out', async (_, change, sentence) => {
    const { ended, reported } = fixtureOf(change)
    const refused = await ended
    expect(refused).toBeInstanceOf(OperatorError)
    expect(refused).toHaveProperty('message', expect.stringMatching(sentence))
    expect(reported).toEqual([])
  })

  it.each<[string, Parameters<typeof fixtureOf>[0]]>([
    ['just long enough', { retentionMs: 83 * DAY_MS }],
    ['forever', { retentionMs: -1 }],
    [
      'for a week only, with KAFKA_TOPIC_CHECK=warn',
      { retention: 'analytics', retentionMs: 7 * DAY_MS, env: { KAFKA_TOPIC_CHECK: 'warn' } },
    ],
    ['forever, however short DEDUPE_DAYS is', { retentionMs: -1, env: { DEDUPE_DAYS: '2' } }],
  ])('accepts a topic that keeps its records %s', async (_, change) => {
    expect(await fixtureOf(change).ended).toBeNull()
  })

  it('only warns of a topic that contradicts the catalogue where KAFKA_TOPIC_CHECK says so', async () => {
    const { ended, reported, warned } = fixtureOf({
      cleanupPolicy: 'compact,delete',
      retentionMs: 7 * DAY_MS,
      env: { KAFKA_TOPIC_CHECK: 'warn' },
    })
    expect(await ended).toBeNull()
    expect(reported).toEqual([])
    expect(warned).toEqual([
      'Topic domain-events contradicts the catalogue of events (its cleanup.policy is compact,delete, which keeps only the last event of each campaign_id; ' +
        'it keeps events for 7 days, and those of the class domain are kept for 30 days): run "npm run workerctl -- topics apply".',
    ])
  })

  it('reports an unreachable database once, and continues when it answers', async () => {
    let present = false
    let queries = 0
    const { ended, clock, reported } = fixtureOf({
      query: () => {
        queries += 1
        return present ? Promise.resolve([]) : away()
      },
    })
    await soon(() => expect(reported).toHaveLength(1))
    clock.advance(2_000)
    await soon(() => expect(queries).toBeGreaterThan(1))
    present = true
    await soon(() => {
      clock.advance(2_000)
      expect(queries).toBeGreaterThan(2)
    })
    expect(await ended).toBeNull()
    expect(reported).toEqual([expect.stringMatching(/database does not answer/)])
  })

  it('gives up on unreachable brokers after BOOT_TIMEOUT_MS, and names it', async () => {
    const { ended, clock, reported } = fixtureOf({
      connect: () => Promise.reject(new OperatorError('no broker answers at broker.example.com:9092')),
      env: { BOOT_TIMEOUT_MS: '1000' },
    })
    await soon(() => expect(reported).toHaveLength(1))
    clock.advance(1_000)
    expect(await ended).toHaveProperty('message', expect.stringMatching(/no broker answers at broker\.example\.com:9092.*BOOT_TIMEOUT_MS/i))
  })

  it('names a server that accepts the request and does not answer', async () => {
    const { ended, clock, reported, stop } = fixtureOf({ query: () => new Promise(() => undefined) })
    // The brokers have answered when only the question to the database is still timed.
    await soon(() => expect(clock.sleeping).toHaveLength(1))
    clock.advance(3_000)
    await soon(() => expect(reported).toEqual([expect.stringMatching(/database .*does not answer/)]))
    stop()
    await ended
  })

  it('ends without an error when the process stops', async () => {
    const { ended, reported, stop } = fixtureOf({ query: away })
    await soon(() => expect(reported).toHaveLength(1))
    stop()
    expect(await ended).toBeNull()
  })
})

it('a database that had no time to answer is not reported as silent when the start is refused because of a topic', async () => {
  const { ended, reported } = fixtureOf({ topics: {}, query: () => new Promise(() => undefined) })
  expect(String(await ended)).toMatch(/Topics domain-events, domain-events\.email-workers\.dlq do not exist: /)
  // The question of the database ends with the start, a few turns later.
  await new Promise((resolve) => setImmediate(resolve))
  expect(reported).toEqual([])
})

it('a topic that is missing may be one that the user may not describe', async () => {
  const login = { KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', KAFKA_SASL_USERNAME: 'worker', KAFKA_SASL_PASSWORD: 'word' }
  const { ended } = fixtureOf({ topics: { 'domain-events': 10 }, env: login })
  expect(String(await ended)).toMatch(
    /Topic domain-events\.email-workers\.dlq does not exist, or our user has no right there \(.* topics acls" prints what it needs\): /,
  )
})
