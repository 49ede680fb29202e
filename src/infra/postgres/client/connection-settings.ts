import type { ConnectionOptions } from 'node:tls'
import { types, type ClientConfig, type CustomTypesConfig } from 'pg'
import { instantOf } from '../../../std/instant.ts'

/** Address of the database and credentials. A connection string takes precedence over the other fields. */
export interface ConnectionSettings {
  readonly connectionString?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly database?: string | undefined
  /** Absent: without TLS, unless the connection string sets the driver's own options for it. */
  readonly tls?: DatabaseTls | undefined
  /** Where the platform's tables are; `public` when not given. Letters, digits, underscore and hyphen. */
  readonly platformSchema?: string | undefined
}

/**
 * TLS as libpq means it: `require` encrypts without verifying the server, `verify-ca` requires a certificate by `ca`, `verify-full` one for
 * this host as well. Certificates and keys are PEM texts; without `ca` the public authorities count.
 */
export interface DatabaseTls {
  readonly mode: 'disable' | 'require' | 'verify-ca' | 'verify-full'
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/**
 * The options for pg. Its own handling of `sslmode` is never used: it treats `prefer`, `require` and `verify-ca` as `verify-full` in this
 * version and announces another meaning for the next. Neither is PGSSLMODE, which it reads where TLS is not set.
 */
export function driverConnection({ tls, ...settings }: ConnectionSettings): ClientConfig {
  // A plain object each time: pg redefines the key in the object that is passed.
  if (tls !== undefined) return { ...settings, ssl: tls.mode === 'disable' ? false : tlsOptions(tls) }
  return /[?&]ssl/.test(settings.connectionString ?? '') ? settings : { ...settings, ssl: false }
}

/** The parsers of the driver, with our own for timestamps. */
export const driverTypes: CustomTypesConfig = {
  getTypeParser(id, format) {
    // The driver's types know text and binary by two functions of one name.
    const parse: unknown = types.getTypeParser(id, format ?? 'text')
    if (typeof parse !== 'function') throw new Error('The driver has no parser for a type.')
    const read = (value: unknown): unknown => parse(value)
    return times.has(id) ? (value: unknown) => (typeof value === 'string' ? instantOf(value, read) : read(value)) : read
  },
}

/** Otherwise `infinity` would arrive as a number, and the year 294276 as an invalid Date. */
const times: ReadonlySet<number> = new Set([types.builtins.DATE, types.builtins.TIMESTAMP, types.builtins.TIMESTAMPTZ])

function tlsOptions({ mode, ca, cert, key }: DatabaseTls): ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    rejectUnauthorized: mode !== 'require',
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  }
}
