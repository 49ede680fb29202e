import { expect } from 'vitest'
import type { Campaign, Platform } from './platform.ts'
import type { Fixture } from './fixture.ts'
import { doubledMails } from './mixed-events.ts'

/** A milestone about to be announced to many participants, some of whom must not get the mail. */
export interface BroadcastScenario {
  readonly campaign: Campaign
  /** Addresses that must be written to. */
  readonly recipients: ReadonlySet<string>
  /** Of the event; the crowd had verified before. */
  readonly at: Date
  publish(): Promise<unknown>
}

/**
 * A campaign of `count` recipients, and between them some who have to be left out: no consent, not verified or only afterwards, gone,
 * suppressed.
 */
export async function createBroadcastScenario(platform: Platform, fixture: Fixture, count: number): Promise<BroadcastScenario> {
  const at = new Date()
  const campaign = await platform.campaign()
  const crowd = await platform.crowd(campaign, count)
  const others = [
    { marketing_consent: false },
    { status: 'pending', verified_at: null, email_verified: false },
    { verified_at: new Date(at.getTime() + 1_000) },
    { deleted_at: at },
    { status: 'blocked' },
    { status: 'removed' },
  ]
  for (const columns of others) for (let index = 0; index < 5; index++) await platform.person(campaign, columns)
  for (const reason of ['bounced', 'unsubscribed']) {
    for (let index = 0; index < 5; index++) {
      const { email } = await platform.person(campaign)
      await fixture.sql.query(
        'INSERT INTO worker.suppressions (account_id, address_hash, reason) VALUES ($1, worker.address_hash($2), $3)',
        [campaign.accountId, email, reason],
      )
    }
  }
  const event = { ...campaign, milestone: `${count}_participants`, participantCount: count, timestamp: at }
  return {
    campaign,
    recipients: new Set(crowd.map(({ email }) => email)),
    at,
    publish: () => fixture.publisher.publishCampaignMilestoneReached(event),
  }
}

/** Where a broadcast is: its own state, the mails it has written, and those that are sent. */
export async function broadcastState(fixture: Fixture, { campaign }: BroadcastScenario) {
  const [row] = await fixture.sql.query<{ state: string | null; written: number; sent: number }>(
    `SELECT (SELECT state FROM worker.intents WHERE channel = 'broadcast' AND campaign_id = $1) AS state, count(*)::int AS written,
            count(*) FILTER (WHERE state = 'sent')::int AS sent
       FROM worker.intents WHERE channel = 'email' AND class = 'broadcast' AND campaign_id = $1`,
    [campaign.campaignId],
  )
  return row ?? { state: null, written: 0, sent: 0 }
}

/**
 * Every recipient got the mail once, and nobody else did: a second copy only of a mail in doubt, with the same Message-ID, counted on its
 * row.
 *
 * @returns how many second copies there were
 */
export async function expectBroadcastComplete(fixture: Fixture, broadcast: BroadcastScenario): Promise<number> {
  const reported = fixture.smtp.mails.filter(({ subject }) => /participants/i.test(subject))
  const received = new Set(reported.flatMap(({ recipients }) => recipients))
  expect([...broadcast.recipients].filter((address) => !received.has(address))).toEqual([])
  expect([...received].filter((address) => !broadcast.recipients.has(address))).toEqual([])
  expect(new Set(reported.map(({ messageId }) => messageId)).size).toBe(broadcast.recipients.size)
  const doubled = doubledMails(fixture)
  const [doubt] = await fixture.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.intents WHERE ambiguous > 0')
  expect(doubled.length).toBeLessThanOrEqual(doubt?.count ?? 0)
  expect(await broadcastState(fixture, broadcast)).toEqual({
    state: 'delivered',
    written: broadcast.recipients.size,
    sent: broadcast.recipients.size,
  })
  return doubled.length
}
