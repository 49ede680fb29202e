import type { AnyEvent } from '../events/event.ts'
import type { Sql } from '../std/sql.ts'

/**
 * Writes what some events mean for rows of the group's own, in the transaction that puts the events on record: committed with it or
 * not at all, so that each event takes effect exactly once, after a crash, a replay or a restore of the database, too.
 *
 * `events` are in log order and new to the group: an event that is on record already is not among them. The transaction is
 * READ COMMITTED. Partitions are accepted side by side, so rows that several of them share must be written in one order (sorted by
 * key). A statement that failed fails the projection, whatever is done about its error. An event on which this fails on its own,
 * twice, is poison (fault-policy.ts); it is called again for the others.
 */
export type Project = (events: readonly AnyEvent[], tx: Sql) => Promise<void>

type Privilege = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'

/** The tables of one group, in a PostgreSQL schema of their own. */
export interface OwnTables {
  /** The name of the schema and of the migration set (`workerctl migrate`). */
  readonly schema: string
  /** Absolute path of the folder with its migrations, named `NNN.do.<name>.sql`. The schema is created before the first. */
  readonly migrations: string
  /** What the daemon does to each table, by its name without the schema; checked before the group starts. */
  readonly needs: Readonly<Record<string, readonly Privilege[]>>
}

/** Thrown by an accept whose projection failed; `cause` is what the projection threw. Nothing of the accept was written. */
export class ProjectionFailed extends Error {
  override readonly name = 'ProjectionFailed'

  constructor(cause: unknown) {
    super('the projection failed', { cause })
  }
}
