import type { Sql } from '../../../src/std/sql.ts'

/** Resolves when some session of this database waits for a lock. */
export async function untilSomebodyWaits(sql: Sql): Promise<void> {
  for (const deadline = Date.now() + 60_000; ;) {
    const waiting = await sql.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
    if (waiting.length > 0) return
    if (Date.now() > deadline) throw new Error('nobody waits for a lock')
  }
}
