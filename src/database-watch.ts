import { messageOf } from './std/failure.ts'
import type { Sql } from './std/sql.ts'
import type { Observe } from './worker/fact.ts'

/** Whether the database answers, and whether it is still the one that the groups know. */
export interface DatabaseWatch {
  /** Asks once; never rejects. */
  look(): Promise<void>
  /** It has answered somebody else. */
  answered(): void
  /** Null while it answers. */
  trouble(): string | null
}

/**
 * @param recheck asked once of every server that answers, and again after each time that none did: it may be an older state of the same
 * database. Tried again with the next look when it rejects.
 */
export function watchDatabase(sql: Sql, observe: Observe, recheck: () => Promise<unknown>): DatabaseWatch {
  let trouble: string | null = 'not asked yet'
  /** When the server that was asked last had started. */
  let checked: string | null = null

  function heard(news: string | null): void {
    if ((trouble === null) !== (news === null))
      observe({ is: 'dependency', name: 'database', state: news === null ? 'up' : 'down', cause: news })
    trouble = news
    if (news !== null) checked = null
  }

  return {
    async look() {
      try {
        const [server] = await sql.query<{ started: string }>('SELECT pg_postmaster_start_time()::text AS started')
        heard(null)
        if (server === undefined || server.started === checked) return
        await recheck()
        checked = server.started
      } catch (error) {
        heard(messageOf(error))
      }
    },
    answered: () => heard(null),
    trouble: () => trouble,
  }
}
