import type { ConnectionOptions } from 'node:tls'

/** Where the database is and who we are there. A connection string wins over the other fields. */
export interface ConnectionSettings {
  readonly connectionString?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly database?: string | undefined
  readonly ssl?: boolean | ConnectionOptions | undefined
}
