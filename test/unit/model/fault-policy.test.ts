import { describe, expect, it } from 'vitest'
import { SqlError } from '../../../src/std/sql.ts'
import {
  causeOf,
  describeFault,
  faultRules,
  fingerprintOf,
  classifyFault,
  type FaultRule,
  type FaultClass,
} from '../../../src/model/fault-policy.ts'

const sql = (state: string | undefined, constraint?: string) => new SqlError('person@example.com is wrong', { state, constraint })
const lineOf = ({ step, fault }: FaultRule) => `${step}: ${fault}`

/** Every line of the table, with its class and errors that no other line classifies so. */
const lines: Record<string, readonly [FaultClass, readonly unknown[]]> = {
  'decode: anything': ['poison', [undefined, 'not-json', new SyntaxError('x')]],
  'decide: anything': ['poison-if-reproducible', [new TypeError('x is not a function'), 'thrown words', undefined, sql('53300')]],
  'accept: sqlstate 22': ['poison-if-reproducible', [sql('22P02'), sql('22001'), sql('22021')]],
  'accept: sqlstate 23': ['poison-if-reproducible', [sql('23505', 'intents_key'), sql('23514')]],
  'accept: sqlstate 54': ['poison-if-reproducible', [sql('54000'), sql('54001')]],
  'project: sqlstate 21': ['poison-if-reproducible', [sql('21000')]],
  'project: sqlstate 22': ['poison-if-reproducible', [sql('22003')]],
  'project: sqlstate 23': ['poison-if-reproducible', [sql('23514', 'event_counts_count_check')]],
  'project: sqlstate 54': ['poison-if-reproducible', [sql('54000')]],
  'project: sqlstate 44': ['poison-if-reproducible', [sql('44000')]],
  'project: sqlstate P0': ['poison-if-reproducible', [sql('P0001')]],
  'project: raised': ['poison-if-reproducible', [new SqlError('x', { state: '42501', raisedBy: 'keep_counts' })]],
  'project: no sql error': ['poison-if-reproducible', [new TypeError('x is not a function'), null]],
  'prepare: sqlstate 22': ['poison', [sql('22P02')]],
  'prepare: sqlstate 23': ['poison', [sql('23503')]],
  'prepare: sqlstate 42': ['poison', [sql('42P01'), sql('42501')]],
  'prepare: no sql error': ['poison', [new TypeError('x is not a function'), null]],
  'record: sqlstate 22': ['poison', [sql('22001')]],
  'record: sqlstate 23': ['poison', [sql('23514', 'email_logs_subject_check')]],
  'record: sqlstate 44': ['poison', [sql('44000')]],
  'record: sqlstate 54': ['poison', [sql('54000')]],
  'record: sqlstate P0': ['poison', [sql('P0001')]],
  'record: raised': ['poison', [new SqlError('x', { state: '42501', raisedBy: 'keep_closed_campaigns' })]],
}

describe('the rules', () => {
  it('are covered one by one', () => {
    expect(faultRules.map(lineOf).toSorted()).toEqual(Object.keys(lines).toSorted())
  })

  it.each(faultRules.map((rule) => [lineOf(rule), rule] as const))('%s', (line, rule) => {
    const [faultClass, errors] = lines[line] ?? ['transient', []]
    expect(errors).not.toEqual([])
    const without = faultRules.filter((other) => other !== rule)
    for (const error of errors) {
      expect(classifyFault(rule.step, error)).toBe(faultClass)
      expect(classifyFault(rule.step, error, without)).toBe('transient')
    }
  })
})

describe('an error that matches no rule is transient', () => {
  const states = ['08006', '40001', '40P01', '53100', '53300', '55P03', '57014', '57P01', '25006', 'XX000', '']
  const accepting: [string, unknown][] = [
    ...[...states, '42P01', '42501'].map((state): [string, unknown] => [state, sql(state)]),
    ['a lost connection', sql(undefined)],
    ['an error of the program', new TypeError('x is not a function')],
    ['a thrown string', '22P02'],
    ['null', null],
  ]
  it.each(accepting)('accepting: %s', (_, error) => {
    expect(classifyFault('accept', error)).toBe('transient')
  })

  it.each([...states, '42P01', '42501', undefined])('projecting: %s', (state) => {
    expect(classifyFault('project', sql(state))).toBe('transient')
  })

  it.each([...states, '54000', undefined])('preparing: %s', (state) => {
    expect(classifyFault('prepare', sql(state))).toBe('transient')
  })

  it.each([...states, '42P01', '42501', undefined])('recording in the platform’s tables: %s', (state) => {
    expect(classifyFault('record', sql(state))).toBe('transient')
  })

  it.each(states.filter((state) => state !== ''))('a trigger that raises %s, a class of the server', (state) => {
    expect(classifyFault('record', new SqlError('x', { state, raisedBy: 'struck' }))).toBe('transient')
  })
})

describe('the description of a fault', () => {
  it.each([
    [sql('23505', 'intents_key'), 'SQLSTATE 23505, constraint intents_key'],
    [sql('22P02'), 'SQLSTATE 22P02'],
    [sql(undefined), 'SQLSTATE none'],
    ['person@example.com', 'string'],
    [undefined, 'undefined'],
  ])('holds codes, never values: %#', (thrown, words) => {
    expect(describeFault(thrown)).toBe(words)
    expect(fingerprintOf(thrown)).toBe(words)
  })

  it('names the class and at most three locations in our code, without absolute paths', () => {
    const error = new RangeError('person@example.com')
    error.stack = [
      'RangeError: person@example.com',
      '    at accept (file:///somewhere/private/src/consumers/email/email-consumer.ts:12:34)',
      '    at file:///somewhere/private/node_modules/pg/lib/client.js:1:1',
      '    at file:///somewhere/private/src/ingest/read-chunks.ts:5:6',
      '    at file:///somewhere/private/cmd/kafka-worker/run.ts:7:8',
      '    at file:///somewhere/private/src/daemon/app.ts:9:9',
    ].join('\n')
    expect(describeFault(error)).toBe(
      'RangeError at src/consumers/email/email-consumer.ts:12 at src/ingest/read-chunks.ts:5 at cmd/kafka-worker/run.ts:7',
    )
    expect(fingerprintOf(error)).toBe('RangeError at src/consumers/email/email-consumer.ts:12')
  })

  it('keeps messages of network libraries, not those of JavaScript errors, which quote values', () => {
    expect(() => BigInt('person@example.com')).toThrow('person@example.com')
    for (const fault of [new SyntaxError('person@example.com'), new TypeError('person@example.com')]) {
      fault.stack = ''
      expect(causeOf(fault)).toBe(fault.name)
    }
    expect(causeOf(new Error('connect ECONNREFUSED 127.0.0.1:9092'))).toBe('connect ECONNREFUSED 127.0.0.1:9092')
    expect(causeOf(sql('40001'))).toBe('database: SQLSTATE 40001')
  })
})
