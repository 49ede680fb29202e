import { describe, expect, it } from 'vitest'
import { SqlError } from '../../../src/std/sql.ts'
import {
  causeOf,
  describeFault,
  faultRules,
  fingerprintOf,
  whoseFault,
  type FaultRule,
  type Whose,
} from '../../../src/model/fault-policy.ts'

const sql = (state: string | undefined, constraint?: string) => new SqlError('person@example.com is wrong', { state, constraint })
const lineOf = ({ step, fault }: FaultRule) => `${step}: ${fault}`

/** Every line of the table, with what it decides and errors that nothing but this line decides so. */
const lines: Record<string, readonly [Whose, readonly unknown[]]> = {
  'decode: anything': ['own', [undefined, 'not-json', new SyntaxError('x')]],
  'decide: anything': ['own-when-proven', [new TypeError('x is not a function'), 'thrown words', undefined, sql('53300')]],
  'accept: sqlstate 22': ['own-when-proven', [sql('22P02'), sql('22001'), sql('22021')]],
  'accept: sqlstate 23': ['own-when-proven', [sql('23505', 'intents_key'), sql('23514')]],
  'accept: sqlstate 54': ['own-when-proven', [sql('54000'), sql('54001')]],
  'prepare: sqlstate 22': ['own', [sql('22P02')]],
  'prepare: sqlstate 23': ['own', [sql('23503')]],
  'prepare: sqlstate 42': ['own', [sql('42P01'), sql('42501')]],
  'prepare: no sql error': ['own', [new TypeError('x is not a function'), null]],
  'book: sqlstate 22': ['own', [sql('22001')]],
  'book: sqlstate 23': ['own', [sql('23514', 'email_logs_subject_check')]],
  'book: sqlstate 44': ['own', [sql('44000')]],
  'book: sqlstate 54': ['own', [sql('54000')]],
  'book: sqlstate P0': ['own', [sql('P0001')]],
  'book: raised': ['own', [new SqlError('x', { state: '42501', raisedBy: 'keep_closed_campaigns' })]],
}

describe('the rules', () => {
  it('are all tried here, and none that is not there', () => {
    expect(faultRules.map(lineOf).toSorted()).toEqual(Object.keys(lines).toSorted())
  })

  it.each(faultRules.map((rule) => [lineOf(rule), rule] as const))('%s', (line, rule) => {
    const [whose, errors] = lines[line] ?? ['system', []]
    expect(errors).not.toEqual([])
    const without = faultRules.filter((other) => other !== rule)
    for (const error of errors) {
      expect(whoseFault(rule.step, error)).toBe(whose)
      expect(whoseFault(rule.step, error, without)).toBe('system')
    }
  })
})

describe('what no rule names is the system’s', () => {
  const states = ['08006', '40001', '40P01', '53100', '53300', '55P03', '57014', '57P01', '25006', 'XX000', '']
  const accepting: [string, unknown][] = [
    ...[...states, '42P01', '42501'].map((state): [string, unknown] => [state, sql(state)]),
    ['a lost connection', sql(undefined)],
    ['an error of ours', new TypeError('x is not a function')],
    ['no error at all', '22P02'],
    ['nothing', null],
  ]
  it.each(accepting)('accepting: %s', (_, error) => {
    expect(whoseFault('accept', error)).toBe('system')
  })

  it.each([...states, '54000', undefined])('preparing: %s', (state) => {
    expect(whoseFault('prepare', sql(state))).toBe('system')
  })

  it.each([...states, '42P01', '42501', undefined])('writing into the tables of the platform: %s', (state) => {
    expect(whoseFault('book', sql(state))).toBe('system')
  })

  it.each(states.filter((state) => state !== ''))('a trigger that raises the server’s own %s', (state) => {
    expect(whoseFault('book', new SqlError('x', { state, raisedBy: 'struck' }))).toBe('system')
  })
})

describe('the words about a fault', () => {
  it.each([
    [sql('23505', 'intents_key'), 'SQLSTATE 23505, constraint intents_key'],
    [sql('22P02'), 'SQLSTATE 22P02'],
    [sql(undefined), 'SQLSTATE none'],
    ['person@example.com', 'string'],
    [undefined, 'undefined'],
  ])('hold codes, never values: %#', (thrown, words) => {
    expect(describeFault(thrown)).toBe(words)
    expect(fingerprintOf(thrown)).toBe(words)
  })

  it('name the class and at most three places in our code, without the folders of the machine', () => {
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

  it('of what is waited for are those of libraries for the network, not those of the language, which quote values', () => {
    expect(() => BigInt('person@example.com')).toThrow('person@example.com')
    for (const fault of [new SyntaxError('person@example.com'), new TypeError('person@example.com')]) {
      fault.stack = ''
      expect(causeOf(fault)).toBe(fault.name)
    }
    expect(causeOf(new Error('connect ECONNREFUSED 127.0.0.1:9092'))).toBe('connect ECONNREFUSED 127.0.0.1:9092')
    expect(causeOf(sql('40001'))).toBe('database: SQLSTATE 40001')
  })
})
