import { OperatorError } from '../std/failure.ts'
import type { SqlError } from '../std/sql.ts'

/** Whether the database may be there the next time: not reached, starting or shutting down, or full of connections. */
export function isDatabaseAway({ state, message }: SqlError): boolean {
  if (state === undefined) return !isPasswordMissing(message)
  // 57P01 to 57P03: shutting down, crashed, starting up; class 08: connection; 53300: too many connections.
  return /^(?:57P0[123]|08...|53300)$/.test(state)
}

/** What an operator is told when the database says no; null when it is none of the things that an operator can mend. */
export function databaseSentence(error: SqlError): OperatorError | null {
  const { state = '', message } = error
  // The adapter's own words say once more what each sentence here begins with.
  const said = message.replace(/^The (?:connection to the database failed|database refused): /, '').replace(/\.$/, '')
  if (isDatabaseAway(error))
    return new OperatorError(`The database does not answer (${said}): check DATABASE_URL or PG*, and that the server runs.`)
  if (isPasswordMissing(message)) return new OperatorError('The database wants a password: give one in DATABASE_URL or PGPASSWORD.')
  if (state.startsWith('28'))
    return new OperatorError(`The database refuses the role or its password (${said}): correct DATABASE_URL or PG*.`)
  if (state === '3D000') return new OperatorError(`The database does not exist (${said}): create it, or correct DATABASE_URL or PG*.`)
  if (state === '42501')
    return new OperatorError(`The role lacks a right (${said}): grant it, or connect as another role by DATABASE_URL or PG*.`)
  if (state === '55P03' || state === '57014') {
    return new OperatorError(
      `A row stays locked by another session (${said}): end the transaction that pg_stat_activity shows, and try again.`,
    )
  }
  return null
}

/** The driver's words (pg, crypto/sasl.js) when the server asks for what we do not have. */
function isPasswordMissing(message: string): boolean {
  return message.includes('client password must be a')
}
