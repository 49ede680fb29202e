import { expect, test } from 'vitest'
import { databaseSentence, isDatabaseAway } from '../../../src/admin/database-sentence.ts'
import { SqlError } from '../../../src/std/sql.ts'

test.each([
  { state: undefined, says: 'does not answer' },
  { state: '57P03', says: 'does not answer' },
  { state: '08006', says: 'does not answer' },
  { state: '28P01', says: 'rejects the role or its password' },
  { state: '3D000', says: 'does not exist' },
  { state: '42501', says: 'lacks a right' },
  { state: '25006', says: 'accepts no writes' },
  { state: '55P03', says: 'stays locked' },
  { state: '57014', says: 'was cancelled' },
])('$state $says', ({ state, says }) => {
  expect(databaseSentence(new SqlError('The database refused: why.', { state }))?.message).toContain(says)
})

test('a fault that no operator can fix has no sentence', () => {
  expect(databaseSentence(new SqlError('The database refused: why.', { state: '42703' }))).toBeNull()
})

test('the adapter’s own words are not said once more', () => {
  const lost = new SqlError('The connection to the database failed: connect ECONNREFUSED 127.0.0.1:2.', {})
  expect(databaseSentence(lost)?.message).toBe(
    'The database does not answer (connect ECONNREFUSED 127.0.0.1:2): check DATABASE_URL or PG*, and that the server runs.',
  )
  const refused = new SqlError('The database refused: permission denied for table campaigns (SQLSTATE 42501).', { state: '42501' })
  expect(databaseSentence(refused)?.message).toBe(
    'The role lacks a right (permission denied for table campaigns (SQLSTATE 42501)): grant it, or connect as another role with DATABASE_URL or PG*.',
  )
})

test('a password that is missing is no outage', () => {
  const error = new SqlError(
    'The connection to the database failed: SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string.',
    {},
  )
  expect(isDatabaseAway(error)).toBe(false)
  expect(databaseSentence(error)?.message).toBe('The database requires a password: set it in DATABASE_URL or PGPASSWORD.')
})
