import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startFrozenTransaction } from '../support/frozen-transaction.ts'
import { Platform, type Campaign } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'
import { wrongPositions } from '../support/mixed-events.ts'

const others = 8
/** After which the server ends the transaction of the frozen process: so long a recalculation that waited for it would hold up the others. */
const HELD_MS = 30_000

test.each([
  [
    'another worker, the campaign’s lock',
    'campaign-locked',
    (id: string) => `SELECT pg_advisory_xact_lock(hashtextextended('leaderboard:' || '${id}'::uuid, 0))`,
  ],
  [
    'a client of the platform, its rows',
    'rows-locked',
    (id: string) => `SELECT FROM waitlist_users WHERE campaign_id = '${id}' FOR UPDATE`,
  ],
])('a stopped process holds %s: other campaigns are recalculated meanwhile, this one once the process is gone', async (_, reason, lock) => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  // Only the events request recalculations.
  const daemon = fixture.daemon({
    KAFKA_GROUPS: 'position-workers',
    LEADERBOARD_SWEEP_MS: '600000',
    LEADERBOARD_DEADLINE_MS: String(2 * HELD_MS),
  })
  await daemon.ready()
  const before = await delays(fixture, platform)

  const stuck = await crowdWithReferral(platform)
  await using frozen = await startFrozenTransaction(fixture.databaseUrl, lock(stuck.campaignId))
  await fixture.publisher.publishReferralVerified(stuck)
  // The others come while the first try, which waits longest, may still be under way.
  await eventually('its turn has come', async () => {
    const rows = await fixture.sql.query<{ claims: number }>('SELECT claims FROM worker.intents WHERE campaign_id = $1', [stuck.campaignId])
    return (rows[0]?.claims ?? 0) > 0 || JSON.stringify(rows)
  })
  const during = await delays(fixture, platform)
  console.log(`accepted to recalculated, worst of ${others}: ${before} ms without, ${during} ms beside a ${reason} campaign`)
  // Behind a recalculation that waited for the lock they would have waited for its deadline.
  expect(during).toBeLessThan(HELD_MS / 2)
  await eventually('the wait and its reason are visible', async () => {
    const rows = await fixture.sql.query<{ reason: string }>('SELECT reason FROM worker.intents WHERE campaign_id = $1', [stuck.campaignId])
    return rows[0]?.reason === reason || JSON.stringify(rows)
  })
  expect((await wrongPositions(fixture, 1)).length).toBeGreaterThan(0)

  const releasedAt = await now(fixture)
  await frozen[Symbol.asyncDispose]()
  await eventually('the campaign is right', async () => (await wrongPositions(fixture, 1)).length === 0 || 'wrong positions')
  const [late] = await fixture.sql.query<{ ms: number }>(
    `SELECT (extract(epoch FROM committed_at - $2::timestamptz) * 1000)::float8 AS ms FROM worker.recalculations WHERE campaign_id = $1`,
    [stuck.campaignId, releasedAt],
  )
  console.log(`recalculated ${Math.round(late?.ms ?? NaN)} ms after the lock was released`)
  // The sweep may have requested another one just before the campaign was right.
  await eventually('no recalculation is left', async () => {
    const [left] = await fixture.sql.query<{ count: string }>(`SELECT count(*) FROM worker.intents WHERE channel = 'leaderboard'`)
    return left?.count === '0' || String(left?.count)
  })
})

/** The longest that one of several campaigns waited from the accept of its event to its recalculation's commit, in milliseconds. */
async function delays(fixture: Fixture, platform: Platform): Promise<number> {
  const campaigns: string[] = []
  for (let one = 0; one < others; one++) {
    const event = await crowdWithReferral(platform)
    campaigns.push(event.campaignId)
    await fixture.publisher.publishReferralVerified(event)
  }
  let worst = 0
  await eventually('the others are recalculated', async () => {
    const rows = await fixture.sql.query<{ ms: number }>(
      `SELECT (extract(epoch FROM r.committed_at - o.at) * 1000)::float8 AS ms
         FROM worker.recalculations r JOIN worker.outcomes o ON o.effects = ARRAY['recalculate:' || r.campaign_id::text]
        WHERE r.campaign_id = ANY ($1::uuid[])`,
      [campaigns],
    )
    worst = Math.round(Math.max(...rows.map(({ ms }) => ms)))
    return rows.length === others || `${rows.length} of ${others}`
  })
  return worst
}

async function crowdWithReferral(platform: Platform) {
  const campaign: Campaign = await platform.campaign({ points: 1 })
  const people = await platform.crowd(campaign, 20)
  const [referrer, referred] = [people.at(-1), people.at(0)]
  if (referrer === undefined || referred === undefined) throw new Error('no people')
  const referralId = await platform.referral(campaign, referrer.userId, referred.userId)
  return { ...campaign, referralId, referrerId: referrer.userId, referredId: referred.userId, pointsPerReferral: 1 }
}

async function now(fixture: Fixture): Promise<string> {
  const [row] = await fixture.sql.query<{ at: string }>('SELECT clock_timestamp()::text AS at')
  return row?.at ?? ''
}
