import type { Sql } from '../../std/sql.ts'

/** The number of events of a type in a campaign on one day. */
export interface EventCount {
  /** `YYYY-MM-DD` in UTC. */
  readonly day: string
  readonly type: string
  readonly count: number
}

/**
 * The counters of a campaign, oldest day first, from `since` (`YYYY-MM-DD`) on; all of them when it is null. Throws SqlError.
 */
export async function readEventCounts(sql: Sql, campaignId: string, since: string | null): Promise<readonly EventCount[]> {
  const rows = await sql.query<{ day: string; type: string; count: string }>(
    `SELECT day::text AS day, type, count FROM analytics.event_counts
      WHERE campaign_id = $1 AND day >= coalesce($2::date, '-infinity') ORDER BY day, type`,
    [campaignId, since],
  )
  return rows.map(({ day, type, count }) => ({ day, type, count: Number(count) }))
}

/** Sign-ups by source. */
export interface SignupSources {
  readonly total: number
  /** Through the link of another participant. */
  readonly referral: number
  readonly direct: number
}

/**
 * Every sign-up through a referral link has a `referral.created`; the others are direct. The counters know no persons: where a sign-up lies
 * before the first counted day and its `referral.created` does not, one direct sign-up of these days counts as by referral.
 */
export function signupSources(counts: readonly EventCount[]): SignupSources {
  const sum = (type: string) => counts.filter((one) => one.type === type).reduce((total, { count }) => total + count, 0)
  const total = sum('user.signed_up')
  const referral = Math.min(total, sum('referral.created'))
  return { total, referral, direct: total - referral }
}
