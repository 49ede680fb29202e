import { SqlError } from '../../std/sql.ts'
import type { UnreadFact } from './status-facts.ts'

/** What is read of the database, in words, and the tables that it is read from. */
export interface Fact {
  readonly fact: string
  /** Qualified; one of the catalogue where no table of ours is read. The last is the one that is locked, if no other is known to be. */
  readonly tables: readonly string[]
}

/** Reads facts one at a time, as one connection does, and remembers those that it could not read. */
export interface FactReads {
  /**
   * The answer, or `otherwise` while a table stays locked or when the statement was cancelled. A fact that was not read, and one of a table
   * that is known to be locked, is not tried again, so that the wait for each lock is paid once.
   *
   * @throws {SqlError} any other error of the database.
   */
  readOr<Answer, Otherwise>(fact: Fact, otherwise: Otherwise, work: () => Promise<Answer>): Promise<Answer | Otherwise>
  unread(): readonly UnreadFact[]
}

/** See {@link FactReads}. */
export function createFactReads(): FactReads {
  const unread: UnreadFact[] = []
  let last: Promise<unknown> = Promise.resolve()

  async function attempt<Answer, Otherwise>({ fact, tables }: Fact, otherwise: Otherwise, work: () => Promise<Answer>) {
    if (unread.some((one) => one.fact === fact)) return otherwise
    const locked = tables.find((table) => unread.some((one) => one.isLocked && one.table === table))
    if (locked !== undefined) {
      unread.push({ fact, table: locked, isLocked: true })
      return otherwise
    }
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof SqlError) || !(error.state === LOCKED || error.state === CANCELLED)) throw error
      unread.push({ fact, table: tables.at(-1) ?? fact, isLocked: error.state === LOCKED })
      return otherwise
    }
  }

  return {
    readOr(fact, otherwise, work) {
      const answer = last.then(() => attempt(fact, otherwise, work))
      last = answer.catch(() => undefined)
      return answer
    },
    unread: () => unread,
  }
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: lock_not_available, query_canceled. */
const LOCKED = '55P03'
const CANCELLED = '57014'
