import { expect, it } from 'vitest'
import { describeFault } from '../../../src/model/fault-policy.ts'
import { letterError, letterFingerprint } from '../../../src/model/letter-fingerprint.ts'
import { SqlError } from '../../../src/std/sql.ts'

/** As it is thrown somewhere in our code. */
function thrown(message: string, ...places: readonly string[]): Error {
  const error = new TypeError(message)
  error.stack = `TypeError: ${message}\n${places.map((place) => `    at f (/app/${place}:7)`).join('\n')}`
  return error
}

const of = (error: unknown) =>
  letterFingerprint({ reason: 'consumer-error', type: 'user.verified', error: letterError('consumer-error', describeFault(error)) })

it('is the same for errors of one class at one location, whatever their messages and callers', () => {
  const first = of(thrown('guest@example.com is odd', 'src/consumers/a.ts:3', 'src/ingest/b.ts:4'))
  expect(first).toMatch(/^[0-9a-f]{12}$/)
  expect(of(thrown('another text', 'src/consumers/a.ts:3', 'src/ingest/c.ts:9'))).toBe(first)
  expect(of(thrown('guest@example.com is odd', 'src/consumers/a.ts:4', 'src/ingest/b.ts:4'))).not.toBe(first)
})

it('differs by reason and type, and keeps the whole of a database error', () => {
  const error = new SqlError('no', { state: '23514', constraint: 'counted', table: 'people' })
  const refused = letterError('database-rejected', describeFault(error))
  expect(refused).toBe('SQLSTATE 23514, constraint counted, table people')
  const all = [
    { reason: 'database-rejected', type: 'user.verified', error: refused },
    { reason: 'database-rejected', type: 'user.signed_up', error: refused },
    { reason: 'invalid-data', type: 'user.verified', error: null },
    { reason: 'not-json', type: null, error: null },
  ]
  expect(new Set(all.map(letterFingerprint)).size).toBe(all.length)
})

it('leaves the fields of broken data out, which differ from record to record', () => {
  expect(letterError('invalid-data', '/data/email breaks minLength')).toBeNull()
})
