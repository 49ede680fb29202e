import { DatabaseError } from 'pg'
import { expect, test } from 'vitest'
import { connectionCause, isConnectionLost, sqlErrorOf } from '../../../../../src/infra/postgres/client/sql-error.ts'
import { SqlError } from '../../../../../src/std/sql.ts'

test('a host name whose every address refuses is reported with their causes, not with an empty message', () => {
  const refused = ['::1', '127.0.0.1'].map((address) => new Error(`connect ECONNREFUSED ${address}:5432`))
  expect(connectionCause(new AggregateError(refused))).toBe('connect ECONNREFUSED ::1:5432, connect ECONNREFUSED 127.0.0.1:5432')
})

test('a SqlError is returned unchanged', () => {
  const error = new SqlError('said before', { state: '40001' })
  expect(sqlErrorOf(error)).toBe(error)
})

test("a refused value is reported by its column and table, without the value and without the driver's error", () => {
  const error = sqlErrorOf(
    refusal('23505', { constraint: 'users_email_key', table: 'users', detail: 'Key (email)=(a@example.com) exists.' }),
  )
  expect(error.message).toBe('The database refused a value (SQLSTATE 23505, constraint users_email_key, table users).')
  expect(error.cause).toBeUndefined()
})

test('the message of a trigger is not repeated, whatever its code', () => {
  const raised = refusal('42501', { routine: 'exec_stmt_raise', table: 'users' })
  expect(sqlErrorOf(raised).message).toBe('The database refused a value (SQLSTATE 42501, table users, raised by unknown).')
  expect(sqlErrorOf(refusal('42501', {})).message).toContain('a@example.com')
})

test('the function that raised an error is named, and nothing else of the context', () => {
  const where = `PL/pgSQL function public.refuse(text) line 3 at RAISE\nSQL statement "SELECT refuse('a@example.com')"`
  const error = sqlErrorOf(refusal('P0001', { routine: 'exec_stmt_raise', where }))
  expect(error).toMatchObject({ raisedBy: 'public.refuse', message: expect.not.stringContaining('@') })
})

test('a connection is lost unless the server answered with an error that leaves it usable', () => {
  expect(isConnectionLost(refusal('22P02', { severity: 'ERROR' }))).toBe(false)
  expect(isConnectionLost(refusal('57P01', { severity: 'FATAL' }))).toBe(true)
  expect(isConnectionLost(new Error('Connection terminated unexpectedly'))).toBe(true)
})

function refusal(code: string, fields: Partial<DatabaseError>): DatabaseError {
  return Object.assign(new DatabaseError('duplicate a@example.com', 10, 'error'), { code, ...fields })
}
