import { OperatorError } from '../std/failure.ts'
import type { SqlError } from '../std/sql.ts'
import { tlsFaultOf, tlsTrouble } from '../std/tls-fault.ts'
import type { TlsFault } from '../std/tls-fault.ts'

/** Whether the database may be there the next time: not reached, starting or shutting down, or full of connections. */
export function isDatabaseAway(error: SqlError): boolean {
  const { state, message } = error
  if (state === undefined) return !isPasswordMissing(message) && !hasNoTls(message) && tlsFaultOf(error) === null
  // 57P01 to 57P03: shutting down, crashed, starting up; class 08: connection; 53300: too many connections.
  return /^(?:57P0[123]|08...|53300)$/.test(state)
}

/** The sentence for an error of the database that an operator can fix; null for any other error. */
export function databaseSentence(error: SqlError): OperatorError | null {
  const { state = '', message } = error
  // The adapter's own words say once more what each sentence here begins with.
  const said = message.replace(/^The (?:connection to the database failed|database refused): /, '').replace(/\.$/, '')
  if (isDatabaseAway(error))
    return new OperatorError(`The database does not answer (${said}): check DATABASE_URL or PG*, and that the server runs.`)
  const fault = state === '' ? tlsFaultOf(error) : null
  if (fault !== null) return new OperatorError(`${capital(tlsTrouble(fault, 'the database'))}: ${wayOut(fault)}.`)
  if (hasNoTls(message))
    return new OperatorError('The database offers no TLS: enable ssl on the server, or set sslmode=disable in DATABASE_URL or PGSSLMODE.')
  if (isPasswordMissing(message)) return new OperatorError('The database requires a password: set it in DATABASE_URL or PGPASSWORD.')
  if (state.startsWith('28') && message.includes('no encryption'))
    return new OperatorError(
      `The database accepts no unencrypted connection (${said}): add sslmode=verify-full to DATABASE_URL, or set PGSSLMODE.`,
    )
  if (state.startsWith('28') && message.includes('valid client certificate'))
    return new OperatorError(`The database requires a client certificate (${said}): set PGSSLCERT and PGSSLKEY.`)
  if (state.startsWith('28'))
    return new OperatorError(`The database rejects the role or its password (${said}): correct DATABASE_URL or PG*.`)
  if (state === '3D000') return new OperatorError(`The database does not exist (${said}): create it, or correct DATABASE_URL or PG*.`)
  if (state === '42501')
    return new OperatorError(`The role lacks a right (${said}): grant it, or connect as another role with DATABASE_URL or PG*.`)
  if (state === '25006') {
    return new OperatorError(
      `The database accepts no writes (${said}): connect to the primary with DATABASE_URL or PG*, or turn default_transaction_read_only off.`,
    )
  }
  if (state === '55P03') {
    return new OperatorError(
      `A row or table stays locked by another session (${said}): end the transaction that pg_stat_activity shows, and try again.`,
    )
  }
  if (state === '57014') {
    return new OperatorError(
      `A statement was cancelled before it ended (${said}): find what it waits for in pg_stat_activity, and try again.`,
    )
  }
  return null
}

/** The sentence for any error of the database at a start. */
export function databaseRefusal(error: SqlError): OperatorError {
  return (
    databaseSentence(error) ??
    new OperatorError(
      `The database rejects our statements (${error.message}): check that it is the platform's database, and the role's rights.`,
    )
  )
}

function wayOut({ is }: TlsFault): string {
  switch (is) {
    case 'untrusted':
      return 'set sslrootcert in DATABASE_URL, or PGSSLROOTCERT, to the certificate of the authority that signed it'
    case 'expired':
      return 'renew it on the server, or correct the clock of this machine'
    case 'misnamed':
      return 'use a host name that the certificate contains in DATABASE_URL or PGHOST'
    case 'not-spoken':
      return 'correct the port in DATABASE_URL or PGPORT'
    case 'client-refused':
      return 'set PGSSLCERT and PGSSLKEY to a certificate that it trusts and its key'
    case 'failed':
      return 'check the TLS settings of the server, and sslmode, sslrootcert, sslcert and sslkey in DATABASE_URL or PG*'
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The driver's words (pg, connection.js) when it must encrypt and the server declines. */
function hasNoTls(message: string): boolean {
  return message.includes('does not support SSL connections')
}

/** The driver's words (pg, crypto/sasl.js) when the server requires what we do not have. */
function isPasswordMissing(message: string): boolean {
  return message.includes('client password must be a')
}
