import type { IndexFacts, MigrationFacts, ServerFacts } from './database-checks.ts'

/** What a sample of the active webhooks points at; `origins`: how many there are in all. */
export interface EndpointSample {
  readonly urls: readonly string[]
  readonly origins: number
}

/** The port to what doctor reads of the database. Reads only; every statement is bounded by the session's timeout. */
export interface DatabaseReader {
  server(): Promise<ServerFacts>
  /** The server's clock; milliseconds since 1970. */
  now(): Promise<number>
  migrations(): Promise<readonly MigrationFacts[]>
  indexes(): Promise<readonly IndexFacts[]>
  /** The origins of active webhooks, those that delivered last first. */
  endpoints(most: number): Promise<EndpointSample>
}
