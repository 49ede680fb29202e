import type {
  CampaignState,
  DeadLetterFact,
  DeliveryFact,
  IntentCount,
  IntentFact,
  MailFact,
  MovementFact,
  OutcomeFact,
  PersonRow,
  RewardFact,
  SuppressionFact,
  TimelineReader,
} from '../../../admin/timeline/timeline-facts.ts'
import type { ChannelDefinitions } from '../../../delivery/define-channel.ts'
import { spellingsOf } from '../../../std/address-spelling.ts'
import type { Sql } from '../../../std/sql.ts'
import { isActivePause, isSetAside } from '../intents/paused-intents.ts'
import { intentLine } from './intent-line.ts'
import { activePauses } from './postgres-pause-admin.ts'
import { createFactReader, factsOfPerson } from './postgres-fact-reader.ts'

/** Facts of one type that a person can have in a timeline. */
const MOST_FACTS = 200

/**
 * Reads what is on record about a person, an event or a reward by indexes alone, whatever the size of intents and outcomes; dead letters with an
 * event's id, of which there are few, by reading their table. The intents of a person or a campaign are found by
 * reading the whole table.
 */
export function createTimelineReader(sql: Sql, channels: ChannelDefinitions): TimelineReader {
  const columns = `${intentLine(channels)}, i.class, i.detail, i.event_at AS "eventAt", i.waiting_since AS "waitingSince"`
  const intents = (theirs: string) => `WITH theirs AS MATERIALIZED (${theirs}) SELECT ${columns} FROM theirs AS i ORDER BY i.id DESC`
  return {
    person: async (userId) => (await sql.query<PersonRow>(personStatement, [userId]))[0] ?? null,
    facts: (userId) => factsOfPerson(sql, userId, MOST_FACTS),
    suppressions: (accountId, address) => sql.query<SuppressionFact>(suppressionsStatement, [accountId, spellingsOf(address)]),
    outcomes: (groups, eventIds) => sql.query<OutcomeFact>(outcomesStatement('o.event_id = ANY ($2::uuid[])'), [groups, eventIds]),
    outcomesOfFacts: (groups, hashes) =>
      sql.query<OutcomeFact>(outcomesStatement(`o.content_hash = ANY (ARRAY(SELECT decode(h, 'hex') FROM unnest($2::text[]) AS h))`), [
        groups,
        hashes,
      ]),
    pauses: () => activePauses(sql),
    deadLetters: (groups, of, limit) =>
      'eventIds' in of
        ? sql.query<DeadLetterFact>(deadLettersStatement('d.event_id = ANY ($2::uuid[])'), [groups, of.eventIds, limit])
        : sql.query<DeadLetterFact>(deadLettersStatement('d.campaign_id = $2'), [groups, of.campaignId, limit]),
    intentsOf: (userId, limit) => sql.query<IntentFact>(intents(ofPersonStatement), [userId, limit]),
    intentsOfEvent: (groups, eventId) => sql.query<IntentFact>(intents(ofEventStatement), [groups, eventId]),
    intentsOfCampaign: (campaignId, limit) => sql.query<IntentFact>(intents(ofCampaignStatement), [campaignId, limit]),
    countsOfCampaign: (campaignId) => sql.query<IntentCount>(countsStatement, [campaignId]),
    mailsTo: (userId, limit) => sql.query<MailFact>(mailsToStatement, [userId, limit]),
    logged: async (intentIds) => ({
      mails: await sql.query<MailFact>(mailsStatement, [intentIds]),
      deliveries: await sql.query<DeliveryFact>(deliveriesStatement, [intentIds]),
    }),
    rewards: (of, limit) =>
      'userId' in of
        ? sql.query<RewardFact>(rewardsStatement('ur.user_id = $1'), [of.userId, limit])
        : sql.query<RewardFact>(rewardsStatement('ur.id = $1'), [of.userRewardId, limit]),
    movements: ({ campaignId, userId }, since, limit) => sql.query<MovementFact>(movementsStatement, [campaignId, userId, since, limit]),
    campaign: async (campaignId) => (await sql.query<CampaignState>(campaignStatement, [campaignId]))[0] ?? null,
    foreignTypes: async () => (await createFactReader(sql).recentIds()).flatMap(({ type, derived }) => (derived ? [] : [type])),
  }
}

const personStatement = `
SELECT u.id AS "userId", u.email, u.status, u.deleted_at IS NOT NULL AS deleted, u.created_at AS "joinedAt", u.verified_at AS "verifiedAt",
       u.marketing_consent AS consent, c.id AS "campaignId", c.status AS "campaignStatus", a.id AS "accountId", a.status AS "accountStatus"
  FROM platform.waitlist_users AS u
  JOIN platform.campaigns AS c ON c.id = u.campaign_id
  JOIN platform.accounts AS a ON a.id = c.account_id
 WHERE u.id = $1`

const suppressionsStatement = `
SELECT reason, at FROM worker.suppressions
 WHERE account_id = $1 AND address_hash = ANY (ARRAY(SELECT sha256(convert_to(s, 'UTF8')) FROM unnest($2::text[]) AS s))
 ORDER BY at DESC`

const outcomesStatement = (condition: string) => `
SELECT o.group_name AS "group", o.event_id AS "eventId", o.type, encode(o.content_hash, 'hex') AS "contentHash", o.outcome, o.partition, o."offset", o.at
  FROM worker.outcomes AS o WHERE o.group_name = ANY ($1::text[]) AND ${condition} ORDER BY o.at, o.group_name`

const deadLettersStatement = (condition: string) => `
SELECT d.group_name AS "group", d.event_id AS "eventId", d.type, d.reason, d.state, d.topic, d.partition, d."offset", d.at
  FROM worker.dead_letters AS d WHERE d.group_name = ANY ($1::text[]) AND ${condition} ORDER BY d.at DESC LIMIT $3`

// Sorted by time and not by id: the order of the primary key would be read backwards until enough are found.
const ofPersonStatement = `SELECT * FROM worker.intents WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2`
const ofEventStatement = `
SELECT i.* FROM worker.outcomes AS o
 CROSS JOIN LATERAL unnest(o.effects) AS effect (key)
  JOIN worker.intents AS i ON i.group_name = o.group_name AND i.key = effect.key AND NOT i.coalesce
 WHERE o.group_name = ANY ($1::text[]) AND o.event_id = $2`
const ofCampaignStatement = `SELECT * FROM worker.intents WHERE campaign_id = $1 ORDER BY created_at DESC LIMIT $2`

const countsStatement = `
SELECT group_name AS "group", channel, kind, state, reason, CASE WHEN ${isSetAside} THEN detail WHEN state IN ('pending', 'ambiguous') THEN (
         SELECT 'pause ' || p.id FROM worker.pauses AS p
          WHERE p.scope = 'destination' AND p.target = i.destination AND coalesce(p.group_name, i.group_name) = i.group_name AND ${isActivePause} LIMIT 1)
       END AS pause, count(*)::int AS count
  FROM worker.intents AS i WHERE campaign_id = $1 AND NOT coalesce GROUP BY 1, 2, 3, 4, 5, 6`

/** The id of an intent's row in a delivery log. */
const rowId = `md5(i.group_name || ':' || i.key)::uuid`

const mailColumns = `l.id, l.type, l.status, l.recipient_email AS recipient, l.provider_message_id AS "messageId", l.error_message AS error,
       coalesce(l.sent_at, l.failed_at, l.created_at) AS at`
const mailsToStatement = `
SELECT NULL AS "intentId", ${mailColumns} FROM platform.email_logs AS l WHERE l.user_id = $1 ORDER BY l.created_at DESC LIMIT $2`
const mailsStatement = `
SELECT i.id AS "intentId", ${mailColumns}
  FROM worker.intents AS i JOIN platform.email_logs AS l ON l.id = ${rowId}
 WHERE i.id = ANY ($1::bigint[])`

const deliveriesStatement = `
SELECT i.id AS "intentId", d.status, d.response_status AS "responseStatus", d.attempt_number AS attempt, d.next_retry_at AS "nextRetryAt",
       d.error_message AS error, coalesce(d.delivered_at, d.updated_at) AS at
  FROM worker.intents AS i JOIN platform.webhook_deliveries AS d ON d.id = ${rowId}
 WHERE i.id = ANY ($1::bigint[])`

const rewardsStatement = (condition: string) => `
SELECT ur.id, ur.status, ur.user_id AS "userId", r.delivery_method AS "deliveryMethod", ur.delivery_attempts AS attempts,
       ur.delivery_error AS error, ur.delivered_at AS "deliveredAt", ur.expires_at AS "expiresAt", ur.earned_at AS "earnedAt",
       ur.created_at AS "createdAt"
  FROM platform.user_rewards AS ur JOIN platform.rewards AS r ON r.id = ur.reward_id
 WHERE ${condition} ORDER BY ur.created_at DESC LIMIT $2`

// A plan made for the values: of a person by the person's index, of a campaign by the index on the time, which is read backwards.
const movementsStatement = `
SELECT user_id AS "userId", at, from_position AS "fromPosition", to_position AS "toPosition", from_score AS "fromScore", to_score AS "toScore"
  FROM worker.position_changes
 WHERE ($1::uuid IS NULL OR campaign_id = $1) AND ($2::uuid IS NULL OR user_id = $2) AND ($3::timestamptz IS NULL OR at >= $3)
 ORDER BY at DESC LIMIT $4`

const campaignStatement = `
SELECT c.id AS "campaignId", c.status, c.deleted_at IS NOT NULL AS deleted, c.account_id AS "accountId", a.status AS "accountStatus",
       c.created_at AS "createdAt", r.committed_at AS "recalculatedAt"
  FROM platform.campaigns AS c
  JOIN platform.accounts AS a ON a.id = c.account_id
  LEFT JOIN worker.recalculations AS r ON r.campaign_id = c.id
 WHERE c.id = $1`
