import { describe, expect, it } from 'vitest'
import { createLog } from '../../../../src/infra/telemetry/log.ts'
import { OperatorError } from '../../../../src/std/failure.ts'
import { SqlError } from '../../../../src/std/sql.ts'

function logged(write: (log: ReturnType<typeof createLog>) => void): { readonly err?: unknown }[] {
  const lines: string[] = []
  write(createLog({ level: 'info', destination: { write: (line: string) => lines.push(line) } }))
  return lines.map((line): { readonly err?: unknown } => JSON.parse(line))
}

describe('the log', () => {
  it('is one object per line, with the level as a word and the time in ISO 8601', () => {
    const [line] = logged((log) => log.info({ group: 'email-workers' }, 'hello'))
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      pid: process.pid,
      group: 'email-workers',
      msg: 'hello',
    })
  })

  it('omits lines below its level', () => {
    expect(logged((log) => log.debug('quiet'))).toEqual([])
  })

  it('never contains the message of other libraries', () => {
    const foreign = Object.assign(new TypeError('550 someone@example.com is unknown'), {
      code: 'EENVELOPE',
      rejected: ['someone@example.com'],
      response: '550 someone@example.com',
      cause: new Error('someone@example.com'),
    })
    const [line] = logged((log) => log.error({ err: foreign }, 'failed'))
    expect(line?.err).toMatchObject({ type: 'TypeError', code: 'EENVELOPE' })
    expect(JSON.stringify(line)).not.toContain('someone')
  })

  it('contains the messages of our own errors, and the SQLSTATE', () => {
    const cause = Object.assign(new Error('Key (email)=(someone@example.com)'), { detail: 'someone@example.com' })
    const [operator, sql] = logged((log) => {
      log.error({ err: new OperatorError('Set HTTP_PORT.') }, 'failed')
      log.error({ err: new SqlError('The database refused a value.', { state: '23505', constraint: 'outcomes_pkey', cause }) }, 'failed')
    })
    expect(operator?.err).toEqual({ type: 'OperatorError', message: 'Set HTTP_PORT.' })
    expect(sql?.err).toMatchObject({
      type: 'SqlError',
      message: 'The database refused a value.',
      sqlState: '23505',
      constraint: 'outcomes_pkey',
    })
    expect(JSON.stringify(sql)).not.toContain('someone')
  })

  it('locates a bug in this program, without paths outside of it', () => {
    const error = new TypeError('x is undefined')
    error.stack =
      'TypeError: someone@example.com\n    at accept (file:///srv/app/src/consumers/email/accept.ts:12:7)\n    at node:internal/x:1:1'
    const [line] = logged((log) => log.error({ err: error }, 'failed'))
    expect(line?.err).toEqual({ type: 'TypeError', at: ['src/consumers/email/accept.ts:12'] })
  })

  it('accepts anything thrown', () => {
    const [line] = logged((log) => log.error({ err: 'someone@example.com' }, 'failed'))
    expect(line?.err).toEqual({ type: 'string' })
  })
})
