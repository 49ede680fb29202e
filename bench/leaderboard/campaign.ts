import type { Sql } from '../../src/std/sql.ts'

export const POINTS_PER_REFERRAL = 10
/** One in so many is blocked, removed or deleted, and not ranked. */
const OUT_OF = 100

/**
 * A campaign of so many people in a database that has the platform's tables only, the same at each run: original positions from 1 on,
 * fifty who joined at the same instant, a third with referrals, some with dozens, two in five brought by somebody, one in a hundred out.
 * Returns its id.
 */
export async function seedCampaign(sql: Sql, participants: number): Promise<string> {
  const [campaign] = await sql.query<{ id: string }>(
    `WITH account AS (INSERT INTO platform.accounts (name, slug) VALUES ('Bench', 'bench') RETURNING id)
     INSERT INTO platform.campaigns (account_id, name, slug, status, referral_config)
     SELECT id, 'Bench', 'bench', 'active', jsonb_build_object('points_per_referral', $1::int) FROM account RETURNING id`,
    [POINTS_PER_REFERRAL],
  )
  if (campaign === undefined) throw new Error('No campaign was inserted.')
  await sql.query(seedStatement, [campaign.id, participants])
  await sql.query('VACUUM (ANALYZE) waitlist_users')
  return campaign.id
}

const idOf = (n: string) => `md5('participant ' || ${n})::uuid`

// hashint4 spreads without chance, so that every run makes the same people.
const seedStatement = `
INSERT INTO platform.waitlist_users (id, campaign_id, email, first_name, last_name, status, position, original_position, referral_code, referred_by_id,
                            referral_count, verified_referral_count, email_verified, verified_at, created_at, updated_at, deleted_at)
SELECT ${idOf('n')}, $1, 'guest-' || n || '@example.com', 'Guest', n::text,
       CASE WHEN n % (3 * ${OUT_OF}) = 0 THEN 'blocked' WHEN n % (3 * ${OUT_OF}) = ${OUT_OF} THEN 'removed' WHEN n % 5 = 1 THEN 'pending' ELSE 'verified' END,
       n, n, 'GUEST' || n, CASE WHEN n > 1 AND n % 5 < 2 THEN ${idOf('(1 + abs(hashint4(n)::bigint) % (n - 1))')} END,
       referrals + n % 2, referrals, n % 5 <> 1, CASE WHEN n % 5 <> 1 THEN joined + interval '1 hour' END, joined, joined,
       CASE WHEN n % (3 * ${OUT_OF}) = 2 * ${OUT_OF} THEN joined + interval '1 day' END
  FROM (SELECT n, timestamptz '2026-01-01 00:00:00Z' + n / 50 * interval '2 minutes' AS joined,
               floor(0.5 / power(((hashint4(n) & 1023) + 1) / 1024.0, 0.7))::int AS referrals
          FROM generate_series(1, $2::int) AS n) AS people
 ORDER BY people.n`

/** The next referrers, by place in the order of joining: the same people in the same order for every way. */
export function* referrers(participants: number): Generator<number, never> {
  let state = 7
  for (;;) {
    // A linear congruential generator (Numerical Recipes); its upper bits are good enough to choose people.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const n = 1 + Math.floor((state / 2 ** 32) * participants)
    if (n % OUT_OF !== 0) yield n
  }
}

/** What the platform writes when these people's referrals are verified; one statement, in a transaction of its own. */
export async function verifyReferrals(sql: Sql, by: readonly number[]): Promise<void> {
  await sql.query(
    `UPDATE platform.waitlist_users AS u
        SET verified_referral_count = verified_referral_count + times, referral_count = referral_count + times,
            last_activity_at = now(), updated_at = now()
       FROM (SELECT ${idOf('n')} AS id, count(*)::int AS times FROM unnest($1::int[]) AS n GROUP BY n) AS verified
      WHERE u.id = verified.id`,
    [by],
  )
}
