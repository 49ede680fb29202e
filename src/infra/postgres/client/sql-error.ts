import { DatabaseError } from 'pg'
import { messageOf } from '../../../std/failure.ts'
import { SqlError } from '../../../std/sql.ts'

/**
 * Classes of SQLSTATE whose primary message speaks of the server, the statement or the schema. In the others it may quote a
 * value (`invalid input syntax for type uuid: "..."`), as `detail` does, and as a trigger's own RAISE may in any class.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const quotesNoValues = new Set(['08', '0A', '25', '26', '28', '3D', '40', '42', '53', '54', '55', '57', '58', 'XX'])

/** Converts an error of the driver: no row value in its message, nor in anything attached to it. */
export function sqlErrorOf(thrown: unknown): SqlError {
  if (thrown instanceof SqlError) return thrown
  if (thrown instanceof DatabaseError) {
    // Never as `cause`: the driver's error carries `detail` and `where`, and loggers print causes whole.
    const { code, constraint, table } = thrown
    return new SqlError(sentence(thrown), { state: code, constraint, table, raisedBy: raisedBy(thrown) })
  }
  return new SqlError(`The connection to the database failed: ${connectionCause(thrown)}.`, { cause: thrown })
}

/** Whether the connection that threw this may hold a half-done statement or is gone, and must not be used again. */
export function isConnectionLost(thrown: unknown): boolean {
  if (!(thrown instanceof DatabaseError)) return true
  return thrown.severity === 'FATAL' || thrown.severity === 'PANIC'
}

/** Describes a lost connection, fit for a log line. */
export function connectionCause(thrown: unknown): string {
  if (thrown instanceof DatabaseError) return sentence(thrown)
  // Node gathers one error per address of a host name under an empty message.
  if (thrown instanceof AggregateError) return [...new Set(thrown.errors.map(messageOf))].join(', ')
  return messageOf(thrown)
}

/** `where` also quotes statements, so only the name of the function is taken from it. */
function raisedBy(error: DatabaseError): string | undefined {
  if (error.routine !== 'exec_stmt_raise') return undefined
  return /^PL\/pgSQL function ([\w.]+)\(/.exec(error.where ?? '')?.[1] ?? 'unknown'
}

function sentence(error: DatabaseError): string {
  const state = error.code ?? 'unknown'
  if (quotesNoValues.has(state.slice(0, 2)) && error.routine !== 'exec_stmt_raise')
    return `The database refused: ${error.message} (SQLSTATE ${state}).`
  const place = [
    error.constraint && `constraint ${error.constraint}`,
    error.column && `column ${error.column}`,
    error.table && `table ${error.table}`,
    error.routine === 'exec_stmt_raise' && `raised by ${raisedBy(error)}`,
  ].filter(Boolean)
  return `The database refused a value (SQLSTATE ${state}${place.length > 0 ? `, ${place.join(', ')}` : ''}).`
}
