import type { FactReader, FactType, PlatformFact } from '../../../admin/reconcile-facts.ts'
import type { Sql } from '../../../std/sql.ts'

/** Rows of the platform that are read in one statement, by their primary key. */
const PAGE = 5_000
/** Number of recent outcomes that show how a publisher makes its ids. */
const RECENT = 10_000
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

interface FactRow {
  readonly row_id: string
  readonly is_fact: boolean
  readonly at: Date
  readonly account_id: string
  readonly campaign_id: string
  readonly user_id: string
  readonly email: string
  readonly referrer_id: string
  readonly referred_id: string
  readonly points: string
  readonly reward_id: string
}

/** Reads the platform's rows in the order of their keys, so that every page costs the same and no index of the platform's is needed. */
export function createFactReader(sql: Sql): FactReader {
  return {
    page: async (type, { since, until }, after) => {
      const rows = await sql.query<FactRow>(pageStatement(type), [after ?? BEFORE_ALL, PAGE, since, until])
      const last = rows.at(-1)
      const facts = rows.filter(({ is_fact }) => is_fact).map((row) => factOf(type, row))
      return { facts, next: last?.row_id ?? null }
    },
    outcomes: (groups, eventIds) =>
      sql.query<{ group: string; eventId: string }>(
        `SELECT group_name AS "group", event_id AS "eventId" FROM worker.outcomes WHERE group_name = ANY ($1) AND event_id = ANY ($2::uuid[])`,
        [groups, eventIds],
      ),
    outcomesOfFacts: (type, groups, hashes) => sql.query<{ group: string; contentHash: string }>(ofFactsStatement, [type, groups, hashes]),
    deadLetters: (groups, eventIds) => sql.query<{ group: string; eventId: string }>(lettersStatement, [groups, eventIds]),
    oldestOutcome: async (group) => {
      const [row] = await (group === null
        ? sql.query<{ at: Date }>(`SELECT at FROM worker.outcomes ORDER BY at LIMIT 1`)
        : sql.query<{ at: Date }>(`SELECT at FROM worker.outcomes WHERE group_name = $1 ORDER BY at LIMIT 1`, [group]))
      return row?.at ?? null
    },
    // By the version of the UUID: an id that is derived from the fact has version 5 (RFC 9562). A few others are events that an operator published again.
    recentIds: () =>
      sql.query<{ type: string; derived: boolean }>(
        `SELECT type, avg((substr(event_id::text, 15, 1) = '5')::int) >= 0.9 AS derived
           FROM (SELECT type, event_id FROM worker.outcomes ORDER BY at DESC LIMIT ${RECENT}) AS recent GROUP BY type`,
      ),
  }
}

const ofFactsStatement = `
SELECT DISTINCT o.group_name AS "group", encode(o.content_hash, 'hex') AS "contentHash"
  FROM worker.outcomes AS o JOIN unnest($3::text[]) AS wanted (hash) ON o.content_hash = decode(wanted.hash, 'hex')
 WHERE o.type = $1 AND o.group_name = ANY ($2::text[])`

const lettersStatement = `
SELECT DISTINCT d.group_name AS "group", d.event_id AS "eventId"
  FROM worker.dead_letters AS d JOIN unnest($2::uuid[]) AS wanted (id) ON d.event_id = wanted.id
 WHERE d.group_name = ANY ($1::text[]) AND d.state <> 'resolved'`

/** What each type is read from: the table, its columns, when it happened, and which rows still count. */
const sources: Readonly<
  Record<FactType, { readonly table: string; readonly columns: string; readonly at: string; readonly counts: string }>
> = {
  'user.signed_up': {
    table: 'platform.waitlist_users',
    columns: 'r.id AS user_id, r.email',
    at: 'r.created_at',
    counts: `r.deleted_at IS NULL AND r.status NOT IN ('blocked', 'removed')`,
  },
  'user.verified': {
    table: 'platform.waitlist_users',
    columns: 'r.id AS user_id, r.email',
    at: 'r.verified_at',
    counts: `r.deleted_at IS NULL AND r.status NOT IN ('blocked', 'removed')`,
  },
  'referral.created': {
    table: 'platform.referrals',
    columns: 'r.id AS referral_id, r.referrer_id, r.referred_id',
    at: 'r.created_at',
    counts: `r.status <> 'invalid'`,
  },
  'referral.verified': {
    table: 'platform.referrals',
    columns: 'r.id AS referral_id, r.referrer_id, r.referred_id, worker.points_per_referral(c.referral_config)::text AS points',
    at: 'r.verified_at',
    counts: `r.status IN ('verified', 'converted')`,
  },
  'reward.earned': {
    table: 'platform.user_rewards',
    columns: 'r.id AS user_reward_id, r.user_id, r.reward_id',
    at: 'r.earned_at',
    counts: `r.status NOT IN ('revoked', 'expired')`,
  },
}

/** The facts of a page, and its last row whatever that is, which says where the next one begins. */
function pageStatement(type: FactType): string {
  const { table, columns, at, counts } = sources[type]
  return `
WITH page AS MATERIALIZED (SELECT * FROM ${table} WHERE id > $1 ORDER BY id LIMIT $2),
     ends AS (SELECT id FROM page ORDER BY id DESC LIMIT 1),
     candidates AS (SELECT r.id AS row_id, c.deleted_at IS NULL AND ${counts} AND coalesce(${at} >= $3 AND ${at} < $4, false) AS is_fact,
                     ${at} AS at, c.account_id, r.campaign_id, ${columns}
                FROM page AS r JOIN platform.campaigns AS c ON c.id = r.campaign_id)
SELECT candidates.* FROM candidates WHERE is_fact OR row_id = (SELECT id FROM ends) ORDER BY row_id`
}

/** The facts of one person that cause mails or a reward, the newest first; those of referrals by way of the campaign, which the platform has an index on. */
export async function factsOfPerson(sql: Sql, userId: string, limit: number): Promise<readonly PlatformFact[]> {
  const found: PlatformFact[] = []
  for (const [type, condition] of ofPerson) {
    const { table, columns, at, counts } = sources[type]
    const rows = await sql.query<FactRow>(
      `SELECT r.id AS row_id, true AS is_fact, ${at} AS at, c.account_id, r.campaign_id, ${columns}
         FROM ${table} AS r JOIN platform.campaigns AS c ON c.id = r.campaign_id
        WHERE ${condition} AND c.deleted_at IS NULL AND ${counts} AND ${at} IS NOT NULL ORDER BY ${at} DESC LIMIT $2`,
      [userId, limit],
    )
    found.push(...rows.map((row) => factOf(type, row)))
  }
  return found
}

const ofPerson: readonly (readonly [FactType, string])[] = [
  ['user.signed_up', 'r.id = $1'],
  ['user.verified', 'r.id = $1'],
  ['referral.verified', 'r.campaign_id = (SELECT u.campaign_id FROM platform.waitlist_users AS u WHERE u.id = $1) AND r.referrer_id = $1'],
  ['reward.earned', 'r.user_id = $1'],
]

function factOf(type: FactType, row: FactRow): PlatformFact {
  const occurrence = { accountId: row.account_id, campaignId: row.campaign_id, timestamp: row.at }
  switch (type) {
    case 'user.signed_up':
    case 'user.verified':
      return { type, ...occurrence, userId: row.user_id, email: row.email }
    case 'referral.created':
      return { type, ...occurrence, referralId: row.row_id, referrerId: row.referrer_id, referredId: row.referred_id }
    case 'referral.verified': {
      const { referrer_id: referrerId, referred_id: referredId } = row
      return { type, ...occurrence, referralId: row.row_id, referrerId, referredId, pointsPerReferral: Number(row.points) }
    }
    case 'reward.earned':
      return { type, ...occurrence, userRewardId: row.row_id, userId: row.user_id, rewardId: row.reward_id }
  }
}
