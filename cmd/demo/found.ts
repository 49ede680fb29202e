import type { Sql } from '../../src/std/sql.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import type { SmtpSink } from '../../stack/smtp-sink.ts'
import type { WebhookSink } from '../../stack/webhook-sink.ts'
import { deadLetterTopics } from './prepare.ts'
import type { Servers } from './servers.ts'

/** The actual result, as the receivers and the database have it. */
export interface Found {
  /** How many different ones, by `type address`. */
  readonly mails: ReadonlyMap<string, number>
  /** Second copies under the same Message-ID. */
  readonly duplicateMails: number
  readonly webhooks: {
    /** By `user_reward_id`: how many different deliveries. */
    readonly deliveries: ReadonlyMap<string, number>
    readonly repeated: number
    readonly unsigned: number
  }
  readonly grants: readonly GrantRow[]
  readonly deadLetters: ReadonlyMap<string, number>
  /** The counters of `analytics-workers`, by `day type campaign`. */
  readonly eventCounts: ReadonlyMap<string, number>
  /** Of everybody who has a rank, by id. */
  readonly positions: ReadonlyMap<string, number>
}

export interface GrantRow {
  readonly id: string
  readonly campaign_id: string
  readonly status: string
  readonly code: string | null
  readonly code_template: string | null
}

export interface Place {
  readonly sql: Sql
  readonly admin: Pick<LogAdmin, 'ranges'>
  readonly servers: Servers
  readonly campaignIds: readonly string[]
  /** What the dead-letter topics held before. */
  readonly deadBefore: ReadonlyMap<string, number>
}

export async function findOut(place: Place): Promise<Found> {
  const { sql, campaignIds, servers } = place
  const grants = await sql.query<GrantRow>(
    `SELECT g.id, g.campaign_id, g.status, g.reward_data->>'code' AS code, r.config->>'code_template' AS code_template
       FROM platform.user_rewards g JOIN platform.rewards r ON r.id = g.reward_id WHERE g.campaign_id = ANY ($1::uuid[])`,
    [campaignIds],
  )
  const ranked = await sql.query<{ id: string; position: number }>(
    'SELECT id, position FROM platform.waitlist_users WHERE ranked_score IS NOT NULL AND campaign_id = ANY ($1::uuid[])',
    [campaignIds],
  )
  const counters = await sql.query<{ key: string; count: number }>(
    "SELECT concat_ws(' ', day, type, campaign_id) AS key, count::int AS count FROM analytics.event_counts WHERE campaign_id = ANY ($1::uuid[])",
    [campaignIds],
  )
  const dead = await deadLettersOn(place.admin, servers)
  return {
    ...(servers.mails ? await receivedMails(sql, campaignIds, servers.mails) : await loggedMails(sql, campaignIds)),
    webhooks: receivedWebhooks(servers.webhooks),
    grants,
    deadLetters: new Map([...dead].map(([group, count]) => [group, count - (place.deadBefore.get(group) ?? 0)])),
    eventCounts: new Map(counters.map(({ key, count: events }) => [key, events])),
    positions: new Map(ranked.map(({ id, position }) => [id, position])),
  }
}

/** Records on the dead-letter topics, by group. */
export async function deadLettersOn(admin: Pick<LogAdmin, 'ranges'>, servers: Servers): Promise<Map<string, number>> {
  const topics = deadLetterTopics(servers)
  const found = new Map<string, number>()
  for (const [index, { name: group }] of servers.groups.entries()) {
    const ranges = await admin.ranges(topics[index] ?? '')
    found.set(
      group,
      [...ranges.values()].reduce((sum, { low, high }) => sum + Number(high - low), 0),
    )
  }
  return found
}

/** The sink has recipients and Message-IDs; the type of a mail is in worker.intents only. */
async function receivedMails(sql: Sql, campaignIds: readonly string[], sink: SmtpSink): Promise<Pick<Found, 'mails' | 'duplicateMails'>> {
  const rows = await sql.query<{ message_id: string; type: string }>(
    `SELECT envelope->>'messageId' AS message_id, envelope->>'type' AS type FROM worker.intents
      WHERE envelope->>'messageId' IS NOT NULL AND campaign_id = ANY ($1::uuid[])`,
    [campaignIds],
  )
  const types = new Map(rows.map(({ message_id, type }) => [message_id, type]))
  const seen = new Set<string>()
  const mails = new Map<string, number>()
  for (const { messageId, recipients } of sink.mails) {
    if (seen.has(messageId)) continue
    seen.add(messageId)
    count(mails, `${types.get(messageId) ?? 'unknown'} ${recipients.join(' ')}`)
  }
  return { mails, duplicateMails: sink.mails.length - seen.size }
}

async function loggedMails(sql: Sql, campaignIds: readonly string[]): Promise<Pick<Found, 'mails' | 'duplicateMails'>> {
  const rows = await sql.query<{ type: string; address: string }>(
    // In the platform's column the delivery of a reward is a custom mail.
    `SELECT CASE type WHEN 'custom' THEN 'reward_delivery' ELSE type END AS type, recipient_email AS address FROM platform.email_logs
      WHERE status IN ('sent', 'delivered', 'opened', 'clicked') AND campaign_id = ANY ($1::uuid[])`,
    [campaignIds],
  )
  const mails = new Map<string, number>()
  for (const { type, address } of rows) count(mails, `${type} ${address}`)
  return { mails, duplicateMails: 0 }
}

function receivedWebhooks(sink: WebhookSink): Found['webhooks'] {
  const seen = new Set<string>()
  const deliveries = new Map<string, number>()
  let unsigned = 0
  for (const { id, signatureOk, body } of sink.calls) {
    if (!signatureOk) unsigned += 1
    if (seen.has(id)) continue
    seen.add(id)
    count(deliveries, userRewardIdIn(body))
  }
  return { deliveries, repeated: sink.calls.length - seen.size, unsigned }
}

function userRewardIdIn(body: Buffer | undefined): string {
  return /"user_reward_id":"([^"]+)"/.exec(body?.toString('utf8') ?? '')?.[1] ?? 'unknown'
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
