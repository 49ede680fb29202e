import { describe, expect, it } from 'vitest'
import { SqlError } from '../../../src/std/sql.ts'
import { describeFault, mayBeTheEvents } from '../../../src/worker/whose-fault.ts'

const sql = (state: string | undefined, constraint?: string) => new SqlError('person@example.com is wrong', { state, constraint })

describe('whose fault', () => {
  it.each(['22P02', '22001', '23505', '23514', '54000'])('SQLSTATE %s may be the event’s own', (state) => {
    expect(mayBeTheEvents(sql(state))).toBe(true)
  })

  const systems: [string, unknown][] = [
    ...['08006', '40001', '40P01', '53100', '53300', '55P03', '57014', '57P01', '42P01', '42501', '25006', 'XX000', ''].map(
      (state): [string, unknown] => [state, sql(state)],
    ),
    ['a lost connection', sql(undefined)],
    ['an error of ours', new TypeError('x is not a function')],
    ['no error at all', '22P02'],
    ['nothing', null],
  ]
  it.each(systems)('%s is the system’s', (_, error) => {
    expect(mayBeTheEvents(error)).toBe(false)
  })
})

describe('the words about a fault', () => {
  it.each([
    [sql('23505', 'intents_key'), 'SQLSTATE 23505 on intents_key'],
    [sql('22P02'), 'SQLSTATE 22P02'],
    [sql(undefined), 'SQLSTATE none'],
    ['person@example.com', 'string'],
    [undefined, 'undefined'],
  ])('hold codes, never values: %#', (thrown, words) => {
    expect(describeFault(thrown)).toBe(words)
  })

  it('name the class and at most three places in our code, without the folders of the machine', () => {
    const error = new RangeError('person@example.com')
    error.stack = [
      'RangeError: person@example.com',
      '    at accept (file:///somewhere/private/src/consumers/email/email-consumer.ts:12:34)',
      '    at file:///somewhere/private/node_modules/pg/lib/client.js:1:1',
      '    at file:///somewhere/private/src/worker/read-chunks.ts:5:6',
      '    at file:///somewhere/private/cmd/kafka-worker/run.ts:7:8',
      '    at file:///somewhere/private/src/app.ts:9:9',
    ].join('\n')
    expect(describeFault(error)).toBe(
      'RangeError at src/consumers/email/email-consumer.ts:12 at src/worker/read-chunks.ts:5 at cmd/kafka-worker/run.ts:7',
    )
  })
})
