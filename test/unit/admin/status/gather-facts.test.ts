import { describe, expect, it } from 'vitest'
import { gatherFacts } from '../../../../src/admin/status/gather-facts.ts'
import { reportStatus } from '../../../../src/admin/status/status-report.ts'
import type { StatusKafka, StatusServers } from '../../../../src/admin/status/status-ports.ts'
import type { Clock } from '../../../../src/std/clock.ts'
import { OperatorError } from '../../../../src/std/failure.ts'
import { SqlError } from '../../../../src/std/sql.ts'
import { createManualClock } from '../../../support/manual-clock.ts'

const since = new Date('2030-01-31T12:00:00Z')
const group = (name: string, topic: string, enabled: boolean) => ({ name, id: `stage-${name}`, topic, enabled })
const groups = [
  group('email-workers', 'domain-events', true),
  group('audit-workers', 'audit-events', true),
  group('analytics-workers', 'domain-events', false),
  group('reward-workers', 'domain-events', false),
]
const channels = [{ name: 'email', sole: 'relay', destination: 'SMTP relay', deliveries: 'mails', isSerial: false }]
const pause = { id: '1', scope: 'channel', group: null, target: 'email', owner: 'ops', because: 'import', since, until: null } as const
const letters = { group: 'stage-email-workers', reason: 'not-json', type: null, day: 70, hour: 0, last: since }
const dead = { group: 'stage-email-workers', kind: 'reward', reason: 'no-endpoint', count: 2, last: since }
const slow = { pid: 7, application: 'kafka-worker accept', statement: 'UPDATE worker.progress', forMs: 1_500 }
const quiet = { since, pid: 9470, host: 'a-host' }
const outbox = { due: 3, failed: 0, oldestSeconds: 0.4 }
const schemaOld = new OperatorError('the schema is at 3: run "npm run workerctl -- migrate"')
const databaseAway = new SqlError('The connection to the database failed: ECONNREFUSED', {})
const kafkaAway = new OperatorError('no broker answers')

interface Faults {
  readonly schema?: Error | null
  readonly kafka?: Error | null
  /** Calls that fail, and how. */
  readonly failing?: { readonly call: string | RegExp; readonly error: Error } | null
}

/** Servers that note what is read, in order; `email-workers` and `analytics-workers` have run, and there is no topic `audit-events`. */
function setUp({ schema = null, kafka = null, failing = null }: Faults = {}) {
  const calls: string[] = []
  const slept: number[] = []
  const answer = async <Value>(call: string, value: Value): Promise<Value> => {
    calls.push(call)
    if (failing !== null && (call === failing.call || (failing.call instanceof RegExp && failing.call.test(call)))) throw failing.error
    return value
  }
  const manual = createManualClock()
  const clock: Clock = {
    now: () => manual.now(),
    monotonic: () => manual.monotonic(),
    // Deadlines have a signal, and never pass here.
    async sleep(ms, signal) {
      if (signal !== undefined) return manual.sleep(ms, signal)
      slept.push(ms)
      manual.advance(ms)
    },
  }
  const trips = [40, 4, 6]
  let looks = 0
  const admin: StatusKafka = {
    topics: (names) =>
      answer(`topics ${names.join(' ')}`, new Map(names.filter((name) => name === 'domain-events').map((name) => [name, 1]))),
    groupState: (id) => answer(`state ${id}`, { state: 'Stable', members: 1 }),
    committed: (id) => answer(`committed ${id}`, new Map([[0, 5n]])),
    ranges: (topic) => answer(`ranges ${topic}`, new Map([[0, { low: 0n, high: 5n }]])),
    topicId: (topic) => answer(`topic id ${topic}`, 'another'),
    epochEnds: (topic) => answer(`epochs ${topic}`, new Map()),
    members: (id) => answer(`members ${id}`, []),
    heads: (topic) => answer(`heads ${topic}`, new Map()),
  }
  const servers: StatusServers = {
    database: {
      async requireSchema() {
        await answer('schema', null)
        if (schema !== null) throw schema
      },
      async roundTrip() {
        calls.push('round trip')
        manual.advance(trips.shift() ?? 0)
      },
      countOutbox: (most) => answer(`outbox ${most}`, outbox),
      reader: {
        deadLetters: (most) => answer(`dead letters ${most}`, [letters]),
        deadIntents: () => answer('dead intents', [dead]),
        openWork: (ids) => answer('work', ids.map((id) => ({ group: id, held: 0, abandoned: 0 }))), // prettier-ignore
        slowSessions: () => answer('slow', [slow]),
        quietProcesses: () => answer('quiet', [quiet]),
      },
      inside: {
        due: (id) => answer(`due ${id}`, []),
        away: (id) => answer(`away ${id}`, []),
        slow: (id) => answer(`slow ${id}`, []),
        idleMs: (id) => answer(`idle ${id}`, new Map()),
        async blocked() {
          looks += 1
          const by = { pid: 99, application: 'psql', state: null, forMs: null }
          return answer('blocked', [{ pid: looks, application: 'kafka-worker accept', statement: null, forMs: 4_000, by }])
        },
      },
      pauses: { active: () => answer('pauses', [pause]) },
      progress: {
        readProgress: (id) =>
          answer(`rows ${id}`, /email|analytics/.test(id) ? [{ partition: 0, next: 5n, exemptBelow: 0n, topicId: 'one' }] : []),
      },
    },
    async withKafka(work) {
      calls.push('connect')
      if (kafka !== null) throw kafka
      const result = await work(admin)
      calls.push('disconnect')
      return result
    },
  }
  const scope = { groups, named: ['email-workers', 'audit-workers'], channels, clock }
  return { calls, slept, gather: () => gatherFacts(servers, scope) }
}

const ofDatabase = ['blocked', 'slow', 'quiet', 'round trip', 'round trip', 'round trip', 'dead intents', 'dead letters 10000', 'work', 'outbox 10000', 'pauses'] // prettier-ignore
const unknown = { blocked: [], slow: [], quiet: [], roundTripMs: null, deadIntents: [], deadLetters: [], work: [], unread: [], outbox: null, pauses: [], groups: [], channels } // prettier-ignore

describe('the facts of workerctl status', () => {
  it('come from the database first, then from Kafka, and sessions are looked at twice', async () => {
    const { calls, slept, gather } = setUp()
    const facts = await gather()
    expect(calls.slice(0, calls.indexOf('connect'))).toEqual(['schema', ...ofDatabase])
    expect(calls.slice(calls.indexOf('disconnect') + 1)).toEqual(['blocked'])
    expect(slept).toEqual([2_000])
    expect(facts).toMatchObject({
      database: null, schema: null, kafka: null, roundTripMs: 4, channels, outbox,
      slow: [slow], quiet: [quiet], deadIntents: [dead], deadLetters: [letters], pauses: [pause],
    }) // prettier-ignore
    expect(facts.work.map((one) => one.group)).toEqual(groups.map(({ id }) => id))
    // The two looks between are those of the measurements.
    expect(facts.blocked.map(({ pid }) => pid)).toEqual([1, 4])
  })

  it('are about groups that this environment enables and those that have run, with the topics that are missing', async () => {
    const { calls, gather } = setUp()
    const facts = await gather()
    const offsets = [{ partition: 0, row: 5n, state: 'topic-recreated' }]
    const report = { lag: 0n, partitionCount: 1 }
    expect(facts.groups).toMatchObject([
      { name: 'email-workers', group: 'stage-email-workers', topic: 'domain-events', isMissing: false, isExpected: true, offsets, report },
      { name: 'audit-workers', isMissing: true, isExpected: true, offsets: [], report: null },
      { name: 'analytics-workers', isMissing: false, isExpected: true, offsets, report },
    ])
    expect(calls.filter((call) => call.endsWith('stage-audit-workers'))).toEqual(['rows stage-audit-workers'])
  })

  it('are those of the database alone while Kafka does not answer', async () => {
    const { calls, gather } = setUp({ kafka: kafkaAway })
    const facts = await gather()
    expect(calls).toEqual(['schema', ...ofDatabase, 'connect', 'blocked'])
    expect(facts).toMatchObject({ database: null, schema: null, kafka: 'No broker answers.', groups: [], roundTripMs: 4, outbox })
    expect(facts.deadLetters).toEqual([letters])
  })

  const away = 'The database does not answer (ECONNREFUSED): check DATABASE_URL or PG*, and that the server runs.'
  const old = 'The schema is at 3: run "npm run workerctl -- migrate".'
  it.each([
    { name: 'the database is away', schema: databaseAway, kafka: null, said: { database: away, schema: null, kafka: null } },
    { name: 'the schema is old', schema: schemaOld, kafka: null, said: { database: null, schema: old, kafka: null } },
    { name: 'both are away', schema: databaseAway, kafka: kafkaAway, said: { database: away, schema: null, kafka: 'No broker answers.' } },
    { name: 'the schema is old, and Kafka away', schema: schemaOld, kafka: kafkaAway, said: { database: null, schema: old, kafka: 'No broker answers.' } },
  ])('are what Kafka answers, and nothing more of the database, while $name', async ({ schema, kafka, said }) => {
    const { calls, gather } = setUp({ schema, kafka })
    expect(await gather()).toEqual({ ...unknown, ...said })
    const ofKafka = kafka === null ? ['topics domain-events audit-events domain-events domain-events', 'disconnect'] : []
    expect(calls).toEqual(['schema', 'connect', ...ofKafka])
  }) // prettier-ignore
})

const intents = (fact: string) => ({ fact, table: 'worker.intents', isLocked: true })

describe('a table that stays locked', () => {
  const locked = new SqlError('The database refused: canceling statement due to lock timeout', { state: '55P03' })
  const rows = { fact: 'progress rows', table: 'worker.progress', isLocked: true }
  const ofKafka = ['stage-email-workers', 'stage-audit-workers']

  it('is waited for once, and hides what is read from it alone', async () => {
    const { calls, gather } = setUp({ failing: { call: /^(?:dead intents|work|due .*|away .*)$/, error: locked } })
    const { groups: found, ...facts } = await gather()
    expect(calls.filter((call) => /^(?:dead intents|work|due|away)/.test(call))).toEqual(['dead intents'])
    expect(facts).toMatchObject({
      database: null, schema: null, kafka: null, roundTripMs: 4, outbox, slow: [slow], quiet: [quiet], deadLetters: [letters], pauses: [pause],
      deadIntents: [], work: [], unread: ['dead intents', 'held and abandoned intents', 'due intents', 'breakers'].map(intents),
    }) // prettier-ignore
    expect(facts.blocked).toHaveLength(2)
    expect(found).toHaveLength(3)
    expect(found[0]).toMatchObject({ report: { lag: 0n, due: null }, offsets: [{ row: 5n }] })
  })

  it('with progress rows is not Kafka, whose groups are shown without them', async () => {
    const { calls, gather } = setUp({ failing: { call: /^(?:rows|idle)/, error: locked } })
    const facts = await gather()
    expect(facts).toMatchObject({ database: null, schema: null, kafka: null, deadIntents: [dead] })
    expect(facts.unread).toEqual([rows, { ...rows, fact: 'when groups last moved' }])
    expect(calls.filter((call) => /^(?:rows|idle)/.test(call))).toEqual(['rows stage-email-workers'])
    expect(facts.groups.map(({ group: id }) => id)).toEqual(ofKafka)
    expect(facts.groups[0]).toMatchObject({ offsets: [], report: { lag: 0n, due: [] } })
  })

  it.each([
    ['schema', 'the version of the schema', 'worker.schema_versions'],
    ['dead letters 10000', 'dead letters', 'worker.dead_letters'],
    ['outbox 10000', 'the outbox', 'worker.outbox'],
    ['pauses', 'pauses', 'worker.pauses'],
    ['away stage-email-workers', 'breakers', 'worker.breakers'],
    ['slow stage-email-workers', 'slow recalculations', 'worker.slow_recalculations'],
  ])('is one fact that is missing, and nothing is away: %s', async (call, fact, table) => {
    const facts = await setUp({ failing: { call, error: locked } }).gather()
    expect(facts).toMatchObject({ database: null, schema: null, kafka: null, unread: [{ fact, table, isLocked: true }] })
    expect(facts.groups).toHaveLength(3)
  })
})

describe('a statement that fails while the facts are gathered', () => {
  it('hides its fact alone when it was cancelled, and those of other statements on the table are read', async () => {
    const cancelled = new SqlError('The database refused: canceling statement due to user request', { state: '57014' })
    const facts = await setUp({ failing: { call: 'dead intents', error: cancelled } }).gather()
    expect(facts).toMatchObject({
      database: null,
      kafka: null,
      unread: [{ fact: 'dead intents', table: 'worker.intents', isLocked: false }],
    })
    expect(facts.work).toHaveLength(4)
  })

  it('is the database that went away, and Kafka is still tried', async () => {
    const { calls, gather } = setUp({ failing: { call: 'pauses', error: databaseAway }, kafka: kafkaAway })
    expect(await gather()).toMatchObject({
      database: expect.stringMatching(/^The database does not answer/),
      kafka: 'No broker answers.',
      blocked: [],
    })
    expect(calls.slice(calls.indexOf('pauses'))).toEqual(['pauses', 'connect'])
  })
})

describe('the report of workerctl status', () => {
  it('has no number of dead letters while they could not be read', async () => {
    const failing = { call: 'dead letters 10000', error: new SqlError('locked', { state: '55P03' }) }
    const report = reportStatus(await setUp({ failing }).gather(), since.getTime())
    expect(report.groups.map(({ deadLetters }) => deadLetters)).toEqual([null, null, null])
    expect(report.findings.at(-1)).toMatchObject({ kind: 'facts-unread', severity: 'warning' })
  })

  it('has the severity of each finding, the open dead letters of each group, and the time', async () => {
    const report = reportStatus(await setUp().gather(), since.getTime())
    expect(report).toMatchObject({ at: '2030-01-31T12:00:00.000Z', ok: false, outbox })
    expect(report.findings.map(({ kind, severity }) => `${kind} ${severity}`)).toEqual([
      'topic-missing bad',
      'topic-recreated bad',
      'topic-recreated bad',
      'statement-blocked bad',
      'process-quiet bad',
      'paused warning',
      'intents-dead warning',
    ])
    expect(report.groups.map((one) => [one.group, one.topic, one.lag, one.deadLetters])).toEqual([
      ['stage-email-workers', 'domain-events', 0n, 70],
      ['stage-audit-workers', 'audit-events', undefined, 0],
      ['stage-analytics-workers', 'domain-events', 0n, 0],
    ])
  })
})
