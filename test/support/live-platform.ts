import { insertUser } from '../contract/postgres/platform-rows.ts'
import { pick, seeded } from '../contract/postgres/rank-reference-model.ts'
import type { Sql } from '../../src/std/sql.ts'

export interface LiveWrites {
  /** How many there were of each, and what the longest one took, waiting for locks included. */
  readonly joins: number
  readonly referrals: number
  readonly blocks: number
  readonly deletes: number
  readonly longestMs: number
}

/**
 * Writes to a campaign what its platform would, one statement after the other, until `over`: people join, are referred, blocked and
 * admitted again, and physically deleted where the test allows it. `users` is who is there; it follows.
 */
export async function liveWrites(
  sql: Sql,
  { campaignId, users, hardDeletes, seed }: { campaignId: string; users: string[]; hardDeletes: boolean; seed: number },
  over: AbortSignal,
): Promise<LiveWrites> {
  const random = seeded(seed)
  const done = { joins: 0, referrals: 0, blocks: 0, deletes: 0, longestMs: 0 }
  while (!over.aborted) {
    const what = random()
    const id = pick(users, random)
    const began = performance.now()
    if (what < 0.2) {
      users.push(await insertUser(sql, campaignId, { original_position: users.length + 1 }))
      done.joins += 1
    } else if (what < 0.8) {
      await sql.query('UPDATE waitlist_users SET verified_referral_count = verified_referral_count + 1 WHERE id = $1', [id])
      done.referrals += 1
    } else if (what < 0.9 || !hardDeletes) {
      await sql.query('UPDATE waitlist_users SET status = $2 WHERE id = $1', [id, pick(['blocked', 'verified', 'verified'], random)])
      done.blocks += 1
    } else {
      users.splice(users.indexOf(id), 1)
      await sql.query('DELETE FROM waitlist_users WHERE id = $1', [id])
      done.deletes += 1
    }
    done.longestMs = Math.max(done.longestMs, performance.now() - began)
  }
  return { ...done, longestMs: Math.round(done.longestMs) }
}

/** Ranked rows that do not stand where the stored scores put them, in one snapshot of all campaigns. */
export async function misplaced(sql: Sql): Promise<number> {
  const rows = await sql.query(
    `SELECT FROM (SELECT position, row_number() OVER (PARTITION BY campaign_id ORDER BY ranked_score, created_at, id) AS place
                    FROM waitlist_users WHERE ranked_score IS NOT NULL) AS ranked
      WHERE position <> place`,
  )
  return rows.length
}
