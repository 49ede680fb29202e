import { describe, expect, it } from 'vitest'
import { logFacts } from '../../../../src/infra/telemetry/log-observer.ts'
import { createLog } from '../../../../src/infra/telemetry/log.ts'
import type { Fact } from '../../../../src/model/fact.ts'

interface Line {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

function setUp(level: 'info' | 'debug' = 'info') {
  const lines: Line[] = []
  const time = { now: 0 }
  const log = createLog({ level, destination: { write: (line: string) => lines.push(JSON.parse(line)) } })
  const observe = logFacts(log, () => time.now)
  return { lines, observe, time, levels: () => lines.map((line) => line.level) }
}

const group = 'email-workers'
const settled: Extract<Fact, { is: 'settled' }> = {
  is: 'settled',
  group,
  channel: 'email',
  kind: 'welcome',
  intentId: '7',
  eventId: '550e8400-e29b-41d4-a716-446655440000',
  correlationId: 'request-7',
  attempt: 1,
  outcome: 'sent',
  reason: null,
  detail: null,
  durationMs: 12,
  stages: new Map([['prepare', 4]]),
  endToEndMs: 80,
}

const deferred = (reason: string): Fact => ({ ...settled, outcome: 'retry', reason })

const crash = (crashes: number): Fact => ({ is: 'consumer-crashed', group, cause: 'away', rebuildInMs: 1, crashes })

const breaker = (state: 'open' | 'half-open' | 'closed', reason: string | null = null): Fact => ({
  is: 'breaker',
  channel: 'webhook',
  destination: 'e',
  state,
  reason,
  retryInMs: null,
})

it('reads no field of a fact that no line is written of', () => {
  const { observe, lines } = setUp('info')
  const stages = new Proxy(new Map(), { get: () => expect.unreachable() })
  observe({ ...settled, stages })
  expect(lines).toEqual([])
})

describe('facts as log lines', () => {
  it('writes nothing at info for frequent facts', () => {
    const { lines, observe } = setUp()
    observe({ is: 'fetched', group, partition: 0, records: 500, highWatermark: 1000n, nextOffset: 500n })
    observe({ is: 'accepted', group, partition: 0, next: 500n, counts: new Map(), intents: 500, durationMs: 5 })
    observe({ is: 'committed', group, topic: 'domain-events', offsets: new Map([[0, 500n]]) })
    observe({ is: 'claimed', group, channel: 'email', count: 10 })
    observe(settled)
    expect(lines).toEqual([])
  })

  it('writes the same at debug, offsets as numbers', () => {
    const { lines, observe } = setUp('debug')
    observe({ is: 'committed', group, topic: 'domain-events', offsets: new Map([[3, 500n]]) })
    observe(settled)
    expect(lines[0]).toMatchObject({ level: 'debug', msg: 'committed', group, topic: 'domain-events', offsets: { 3: 500 } })
    expect(lines[1]).toMatchObject({
      level: 'debug',
      msg: 'settled',
      eventId: settled.eventId,
      attempt: 1,
      outcome: 'sent',
      durationMs: 12,
    })
  })

  it.each(['retry', 'ambiguous', 'dead', 'rejected'])('warns when a delivery ends %s', (outcome) => {
    const { observe, lines } = setUp()
    observe({ ...settled, outcome, reason: 'relay-refused' })
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', msg: 'settled', outcome, reason: 'relay-refused' })])
  })

  it('warns of deferred deliveries once per reason and minute, with the number of repetitions; debug has each', () => {
    const { observe, lines, time } = setUp('debug')
    for (let index = 0; index < 5; index += 1) observe(deferred('recipient-deferred'))
    observe(deferred('deadline'))
    time.now = 60_000
    observe(deferred('recipient-deferred'))
    const warned = lines.filter(({ level }) => level === 'warn')
    expect(warned.map(({ reason, repeated }) => [reason, repeated])).toEqual([
      ['recipient-deferred', undefined],
      ['deadline', undefined],
      ['recipient-deferred', 4],
    ])
    expect(lines).toHaveLength(7)
  })

  it('warns once when the rows of deliveries cannot be read, for all that wait for the same cause', () => {
    const { observe, lines, time } = setUp()
    const failed = { ...settled, outcome: 'waiting', reason: 'prepare-failed', detail: 'SQLSTATE 42501' }
    for (const intentId of ['7', '8', '9']) observe({ ...failed, intentId })
    observe({ ...failed, kind: 'reward' })
    // An intent that only waits, for a row or a turn, is not logged.
    observe({ ...settled, outcome: 'waiting', reason: 'awaiting-row' })
    expect(lines.map(({ level, msg, kind, detail }) => ({ level, msg, kind, detail }))).toEqual([
      { level: 'warn', msg: 'settled', kind: 'welcome', detail: 'SQLSTATE 42501' },
      { level: 'warn', msg: 'settled', kind: 'reward', detail: 'SQLSTATE 42501' },
    ])
    time.now += 60_000
    observe(failed)
    expect(lines.at(-1)).toMatchObject({ level: 'warn', reason: 'prepare-failed', repeated: 2 })
  })

  it('logs skipped deliveries once a minute per reason, with their number', () => {
    const { observe, lines, time } = setUp()
    const stale = { ...settled, outcome: 'skipped', reason: 'stale' }
    for (const intentId of ['7', '8', '9']) observe({ ...stale, intentId })
    observe({ ...stale, reason: 'person-deleted' })
    const reported = () => lines.filter(({ level }) => level === 'info').map(({ msg, reason, repeated }) => ({ msg, reason, repeated }))
    const sentence = expect.stringMatching(/^skipped: .* MAIL_MAX_EVENT_AGE_SECONDS/) as unknown
    expect(reported()).toEqual([
      { msg: sentence, reason: 'stale', repeated: undefined },
      { msg: 'skipped', reason: 'person-deleted', repeated: undefined },
    ])
    time.now += 60_000
    observe(stale)
    expect(reported().at(-1)).toEqual({ msg: sentence, reason: 'stale', repeated: 2 })
    const { channel, kind } = stale
    observe({ is: 'skipped-at-accept', group, channel, kind, reason: 'stale', count: 5 })
    time.now += 60_000
    observe({ is: 'skipped-at-accept', group, channel, kind, reason: 'stale', count: 3 })
    expect(reported().at(-1)).toEqual({ msg: sentence, reason: 'stale', repeated: 7 })
  })

  it('writes every dead letter as an error with its offset', () => {
    const { observe, lines } = setUp()
    const dead = {
      is: 'dead-lettered',
      group,
      topic: 't',
      partition: 4,
      eventId: null,
      correlationId: null,
      type: null,
      reason: 'not-json',
      detail: 'x',
    } as const
    observe({ ...dead, offset: 17n })
    observe({ ...dead, offset: 18n })
    expect(lines.map(({ level, partition, offset, outcome }) => [level, partition, offset, outcome])).toEqual([
      ['error', 4, 17, 'dead-letter'],
      ['error', 4, 18, 'dead-letter'],
    ])
  })

  it('writes a change of state once, repetitions at debug', () => {
    const { observe, levels } = setUp('debug')
    const down = { is: 'dependency', name: 'database', state: 'down', cause: 'refused' } as const
    observe(down)
    observe(down)
    observe({ ...down, state: 'up', cause: null })
    observe(down)
    expect(levels()).toEqual(['warn', 'debug', 'info', 'warn'])
  })

  it('warns of waiting once per cause and partition, and again after it resumed', () => {
    const { observe, levels } = setUp('debug')
    const waiting = (partition: number, cause: string, attempt: number): Fact => ({
      is: 'waiting',
      group,
      partition,
      cause,
      retryInMs: 1,
      attempt,
    })
    observe(waiting(0, 'database', 1))
    observe(waiting(0, 'database', 2))
    observe(waiting(1, 'database', 1))
    observe(waiting(0, 'brokers', 3))
    observe({ is: 'resumed', group, partition: 0 })
    observe(waiting(0, 'brokers', 1))
    expect(levels()).toEqual(['warn', 'debug', 'warn', 'warn', 'info', 'warn'])
  })

  const joined: Fact = { is: 'group-joined', group, topic: 'domain-events', epoch: 2, partitions: [0] }
  const complaint = (message: string, of = group): Fact => ({
    is: 'client-log',
    group: of,
    level: 'warn',
    message,
    detail: { broker: 'b:1', payload: 'someone@example.com', retryCount: 2 },
  })

  it('passes on only known fields of the client library', () => {
    const { observe, lines } = setUp()
    observe(complaint('Connection error'))
    expect(lines).toMatchObject([{ level: 'warn', msg: 'kafka client: Connection error', broker: 'b:1', retryCount: 2 }])
    expect(JSON.stringify(lines)).not.toContain('someone')
  })

  it('logs one warning per incident of a client, whatever its text, until the group has joined or a minute was quiet', () => {
    const { observe, lines, time } = setUp()
    for (let count = 0; count < 100; count++) {
      observe(complaint(`Connection error ${count}`))
      time.now += 30_000
    }
    expect(lines).toHaveLength(1)
    observe(complaint('Connection error', 'another'))
    expect(lines).toHaveLength(2)
    observe(joined)
    observe(complaint('Connection error'))
    time.now += 60_000
    observe(complaint('Connection error'))
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn', 'info', 'warn', 'warn'])
  })

  it('logs a crash that only waits for the brokers once until the group has joined, and one that counts each time', () => {
    const { observe, levels } = setUp('debug')
    for (const crashes of [0, 0, 0, 1, 2]) observe(crash(crashes))
    observe(joined)
    observe(crash(2))
    expect(levels()).toEqual(['error', 'debug', 'debug', 'error', 'error', 'info', 'error'])
  })

  it('logs that a breaker opens and closes, and not each probe', () => {
    const { observe, lines } = setUp()
    for (const state of ['open', 'half-open', 'open', 'half-open', 'closed', 'open'] as const) observe(breaker(state))
    expect(lines.map(({ msg }) => msg)).toEqual(['breaker open', 'breaker closed', 'breaker open'])
  })

  it('logs each cause of an open breaker once, so that the one to fix is not hidden behind the first', () => {
    const { observe, lines } = setUp()
    const causes = ['relay-unreachable', 'relay-unreachable', 'relay-credentials-refused', 'relay-unreachable', 'relay-credentials-refused']
    for (const cause of causes) observe(breaker('open', cause))
    expect(lines.map(({ reason }) => reason)).toEqual(['relay-unreachable', 'relay-credentials-refused'])
    observe(breaker('closed'))
    observe(breaker('open', 'relay-unreachable'))
    expect(lines.map(({ msg }) => msg)).toEqual(['breaker open', 'breaker open', 'breaker closed', 'breaker open'])
  })

  it('distinguishes a database restored to an older state from another owner', () => {
    const { observe, levels } = setUp()
    const moved = { is: 'row-moved', group, partition: 0, expected: 9n, row: null } as const
    observe({ ...moved, meaning: 'database-behind-kafka' })
    observe({ ...moved, meaning: 'another-owner' })
    expect(levels()).toEqual(['error', 'warn'])
  })
})

it('writes why shards of the outbox wait once per cause until none waits, and refused events once per topic and reason', () => {
  const { lines, observe } = setUp()
  const waits = (shard: number, cause: string) => observe({ is: 'outbox-waiting', shard, cause, retryInMs: 500 })
  for (let round = 0; round < 3; round++) for (const shard of [1, 2]) waits(shard, 'no broker answers')
  waits(2, 'the connection is lost')
  observe({ is: 'outbox-resumed', shard: 1 })
  waits(2, 'no broker answers')
  observe({ is: 'outbox-resumed', shard: 2 })
  waits(1, 'no broker answers')
  expect(lines.map(({ level, msg, shard }) => [level, msg, shard])).toEqual([
    ['warn', 'outbox waiting', 1],
    ['warn', 'outbox waiting', 2],
    ['info', 'outbox resumed', 2],
    ['warn', 'outbox waiting', 1],
  ])
  lines.length = 0
  const failed = {
    is: 'outbox-failed',
    position: '7',
    eventId: 'e',
    type: 'user.signed_up',
    reason: 'unknown-topic',
    error: 'gone',
  } as const
  for (let row = 0; row < 5; row++) for (const topic of ['a', 'b']) observe({ ...failed, topic })
  expect(lines.map(({ level, msg, topic }) => [level, msg, topic])).toEqual([
    ['error', 'outbox event failed', 'a'],
    ['error', 'outbox event failed', 'b'],
  ])
})
