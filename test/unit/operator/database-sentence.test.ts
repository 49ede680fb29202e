import { expect, test } from 'vitest'
import { databaseSentence } from '../../../src/operator/database-sentence.ts'
import { SqlError } from '../../../src/std/sql.ts'

test.each([
  { state: undefined, says: 'does not answer' },
  { state: '57P03', says: 'does not answer' },
  { state: '08006', says: 'does not answer' },
  { state: '28P01', says: 'refuses the role or its password' },
  { state: '3D000', says: 'does not exist' },
  { state: '42501', says: 'lacks a right' },
  { state: '55P03', says: 'stays locked' },
])('$state $says', ({ state, says }) => {
  expect(databaseSentence(new SqlError('The database refused: why.', { state }))?.message).toContain(says)
})

test('what no operator can mend has no sentence', () => {
  expect(databaseSentence(new SqlError('The database refused: why.', { state: '42703' }))).toBeNull()
})
