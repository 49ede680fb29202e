import { tablesOf } from '../../src/consumers/registry.ts'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import type { Campaign, Platform } from './platform.ts'
import type { Fixture } from './fixture.ts'

/** Events of several campaigns, mixed as on a real topic, and how many mails they cause. */
export interface MixedEvents {
  readonly events: readonly TypedInput[]
  readonly mails: number
  readonly campaigns: readonly Campaign[]
}

/** Of five events: two sign-ups, a verification, a referral created, a referral verified; four of the five cause one mail. */
export async function createMixedEvents(platform: Platform, fixture: Fixture, count: number, campaignCount = 5): Promise<MixedEvents> {
  const campaigns: Campaign[] = []
  const events: TypedInput[] = []
  for (let index = 0; index < campaignCount; index++) {
    const campaign = await platform.campaign({ points: 3 })
    campaigns.push(campaign)
    const people = await platform.crowd(campaign, count / campaignCount / 2)
    for (let at = 0; at + 1 < people.length; at += 2) {
      const [referrer, referred] = [people[at], people[at + 1]]
      if (referrer === undefined || referred === undefined) break
      const referral = { ...campaign, referralId: crypto.randomUUID(), referrerId: referrer.userId, referredId: referred.userId }
      events.push({ type: 'user.signed_up', ...campaign, ...referrer }, { type: 'user.signed_up', ...campaign, ...referred })
      events.push({ type: 'user.verified', ...campaign, ...referred }, { type: 'referral.created', ...referral })
      await fixture.sql.query(
        `WITH counted AS (UPDATE waitlist_users SET referral_count = 1, verified_referral_count = 1 WHERE id = $3)
         INSERT INTO referrals (id, campaign_id, referrer_id, referred_id, status, verified_at) VALUES ($1, $2, $3, $4, 'verified', now())`,
        [referral.referralId, campaign.campaignId, referrer.userId, referred.userId],
      )
      events.push({ type: 'referral.verified', ...referral, pointsPerReferral: 3 })
    }
  }
  // Campaigns interleaved, each still in its own order.
  const perCampaign = events.length / campaignCount
  const mixed = events
    .map((_, index) => events[(index % campaignCount) * perCampaign + Math.floor(index / campaignCount)])
    .filter((event) => event !== undefined)
  return { events: mixed, mails: (events.length / 5) * 4, campaigns }
}

/** Everything that the worker has done to the outside, the platform's tables and those of its groups, to be compared with itself. */
export async function effects(fixture: Fixture): Promise<unknown> {
  const tables = await Promise.all([
    fixture.sql.query('SELECT id, position, ranked_score, ranked_ppr FROM waitlist_users ORDER BY id'),
    fixture.sql.query('SELECT id, status FROM email_logs ORDER BY id'),
    fixture.sql.query('SELECT group_name, event_id, outcome FROM worker.outcomes ORDER BY 1, 2'),
    fixture.sql.query('SELECT id, state FROM worker.intents ORDER BY id'),
    ...tablesOf(fixture.groups).flatMap(({ schema, needs }) =>
      Object.keys(needs).map((table) => fixture.sql.query(`SELECT t::text AS "row" FROM ${schema}.${table} AS t ORDER BY 1`)),
    ),
  ])
  return { tables, mails: fixture.smtp.counters.mails }
}

/** Mails per (Message-ID, recipient) that the sink took more than once. */
export function doubledMails(fixture: Fixture): readonly string[] {
  const seen = new Map<string, number>()
  for (const { messageId, recipients } of fixture.smtp.mails) {
    const key = `${messageId} ${recipients.join()}`
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  return [...seen].filter(([, count]) => count > 1).map(([key]) => key)
}

/** People whose stored position is not the one that the rule of the leaderboard gives, by a calculation in plain JavaScript. */
export async function wrongPositions(fixture: Pick<Fixture, 'sql'>, points: number): Promise<readonly string[]> {
  const people = await fixture.sql.query<{
    id: string
    campaign_id: string
    position: number
    original_position: number
    verified_referral_count: number
    joined: string
  }>(
    // A Date would lose the microseconds, and with them the order of people who joined at once.
    `SELECT id, campaign_id, position, original_position, verified_referral_count, extract(epoch FROM created_at)::text AS joined
       FROM waitlist_users WHERE deleted_at IS NULL AND status NOT IN ('blocked', 'removed')`,
  )
  const score = (person: (typeof people)[number]) => person.original_position - person.verified_referral_count * points
  return [...Map.groupBy(people, (person) => person.campaign_id).values()].flatMap((ranked) =>
    ranked
      .sort((a, b) => score(a) - score(b) || Number(a.joined) - Number(b.joined) || (a.id < b.id ? -1 : 1))
      .flatMap((person, index) => (person.position === index + 1 ? [] : [`${person.id} at ${person.position} instead of ${index + 1}`])),
  )
}
