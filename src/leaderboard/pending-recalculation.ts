import type { PendingRecalculation } from './standings.ts'
import type { Sql } from '../std/sql.ts'

/** The oldest request of `group` to recalculate a campaign that has not ended, or null. */
export async function pendingRecalculation(sql: Sql, group: string, campaignId: string): Promise<PendingRecalculation | null> {
  const [row] = await sql.query<PendingRecalculation>(statement, [group, campaignId])
  return row ?? null
}

// By the index of coalesced keys, and by that of leases: few intents are claimed at a time.
const columns = `state, created_at AS since, due_at AS "dueAt", reason`
const theirs = `group_name = $1 AND key = 'recalculate:' || $2::uuid AND coalesce`
const statement = `
SELECT ${columns} FROM worker.intents WHERE ${theirs} AND state = 'pending'
UNION ALL
SELECT ${columns} FROM worker.intents WHERE ${theirs} AND state = 'claimed'
 ORDER BY since LIMIT 1`
