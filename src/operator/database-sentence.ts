import { OperatorError } from '../std/failure.ts'
import type { SqlError } from '../std/sql.ts'

/** What an operator is told when the database says no; null when it is none of the things that an operator can mend. */
export function databaseSentence({ state, message }: SqlError): OperatorError | null {
  const said = message.replace(/\.$/, '')
  if (state === undefined || state.startsWith('08') || state === '57P03' || state === '53300') {
    return new OperatorError(`The database does not answer (${said}): check DATABASE_URL or PG*, and that the server runs.`)
  }
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
