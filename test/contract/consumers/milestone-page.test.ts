import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import { createMilestoneBroadcastKind } from '../../../src/consumers/email/milestone-broadcast.ts'
import { everythingGoes } from '../../../src/consumers/mail-rules.ts'
import { createBroadcastChannel } from '../../../src/delivery/broadcast/broadcast-channel.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { insertIntents, request } from '../postgres/intent-rows.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { Platform, type Campaign } from '../../support/platform.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { prepareOne } from '../../support/prepare-one.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

const kind = createMilestoneBroadcastKind({ missingRowWaitMs: 1_000, rules: everythingGoes })
const at = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 499)

async function prepared({ campaignId }: Campaign) {
  const times = { eventAt: at, createdAt: at }
  return prepareOne(kind, sampleIntent({ channel: 'broadcast', kind: 'milestone-broadcast', campaignId, ...times }), database.sql)
}

/** Everybody to whom the broadcast writes in its first pass, page by page. */
async function recipients(campaign: Campaign, limit: number): Promise<readonly (string | undefined)[]> {
  const answer = await prepared(campaign)
  if (answer.is !== 'message') throw new Error(`no message but ${JSON.stringify(answer)}`)
  const all: (string | undefined)[] = []
  let cursor: Awaited<ReturnType<typeof answer.message.page>>['cursor'] = null
  do {
    const page = await answer.message.page(cursor, limit, database.sql)
    all.push(...page.drafts.map(({ userId }) => userId))
    cursor = page.pauseMs === undefined ? page.cursor : null
  } while (cursor !== null)
  return all
}

it('a page omits people who are suppressed by the account of the campaign, for any reason and in any case of letters', async () => {
  const platform = new Platform(database.sql)
  const [campaign, other] = [await platform.campaign(), await platform.campaign()]
  const people = await platform.crowd(campaign, 30)
  const suppress = (accountId: string, one: { email: string } | undefined, reason: string) =>
    database.sql.query(
      'INSERT INTO worker.suppressions (account_id, address_hash, reason) VALUES ($1, worker.address_hash(upper($2)), $3)',
      [accountId, one?.email, reason],
    )
  await suppress(campaign.accountId, people[3], 'bounced')
  await suppress(campaign.accountId, people[3], 'unsubscribed')
  await suppress(campaign.accountId, people[17], 'unsubscribed')
  await suppress(other.accountId, people[5], 'bounced')
  const expected = people.filter((_, index) => index !== 3 && index !== 17).map(({ userId }) => userId)
  expect(await recipients(campaign, 7)).toEqual(expected.toSorted())
  expect(await recipients(campaign, 28)).toEqual(expected.toSorted())
})

it('the person whose verification reached the milestone gets the mail, although the time of the event is truncated', async () => {
  const platform = new Platform(database.sql)
  const campaign = await platform.campaign()
  const verified = async (offset: string) => {
    const { userId } = await platform.person(campaign)
    await database.sql.query('UPDATE waitlist_users SET verified_at = $2::timestamptz + $3::interval WHERE id = $1', [userId, at, offset])
    return userId
  }
  const [reached] = [await verified('999 microseconds'), await verified('1 millisecond'), await verified('1 hour')]
  expect(new Set(await recipients(campaign, 10))).toEqual(new Set([reached]))
})

it('people whose rows were not committed when the pages were read are found in the second pass, and no person gets two mails', async () => {
  const platform = new Platform(database.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 3)
  const store = createIntentStore(database, { channels: channelNames })
  const eventId = randomUUID()
  await insertIntents(database.sql, {
    group_name: 'email-workers',
    kind: 'milestone-broadcast',
    channel: 'broadcast',
    class: 'broadcast',
    event_id: eventId,
    event_at: at,
    campaign_id: campaign.campaignId,
    key: `broadcast:${eventId}`,
  })
  const channel = createBroadcastChannel({ deadlineMs: 10_000, pageSize: 2, maxPending: 100 })
  const step = async () => {
    await database.sql.query(`UPDATE worker.intents SET due_at = now() WHERE channel = 'broadcast'`)
    const kinds = [{ kind: 'milestone-broadcast', version: 1 }]
    const [intent] = await store.claim(request({ group: 'email-workers', channel: 'broadcast', kinds, order: ['broadcast'] }))
    if (intent === undefined) throw new Error('no broadcast is due')
    const answer = await prepareOne(kind, intent, database.sql)
    if (answer.is !== 'message') throw new Error(`no message but ${JSON.stringify(answer)}`)
    return (await channel.run(intent, answer.message, store)).is === 'ran' ? reasonOf(eventId) : 'lost'
  }
  const late = Promise.withResolvers<void>()
  const joined = Promise.withResolvers<string>()
  const joining = database.transaction(async (tx) => {
    joined.resolve((await new Platform(tx).person(campaign)).userId)
    await late.promise
  })
  const latecomer = await joined.promise
  expect([await step(), await step()]).toEqual(['next-page', 'second-pass'])
  late.resolve()
  await joining
  const reasons: (string | null)[] = []
  while (reasons.at(-1) !== null) reasons.push(await step())
  expect(reasons).toEqual(['next-page', 'next-page', null])
  const mails = await database.sql.query<{ user_id: string }>(`SELECT user_id FROM worker.intents WHERE event_id = $1 AND kind = 'mail'`, [
    eventId,
  ])
  expect(mails.map(({ user_id }) => user_id).toSorted()).toEqual([...people.map(({ userId }) => userId), latecomer].toSorted())
})

async function reasonOf(eventId: string): Promise<string | null> {
  const [row] = await database.sql.query<{ reason: string | null }>(
    `SELECT reason FROM worker.intents WHERE event_id = $1 AND channel = 'broadcast'`,
    [eventId],
  )
  return row?.reason ?? null
}

it('a broadcast waits for a campaign that is paused or missing, and ends with a draft campaign', async () => {
  const platform = new Platform(database.sql)
  expect(await prepared(await platform.campaign({ status: 'paused' }))).toMatchObject({ is: 'wait', reason: 'campaign-paused' })
  expect(await prepared(await platform.campaign({ status: 'draft' }))).toEqual({ is: 'skip', reason: 'campaign-draft' })
  expect(await prepared(await platform.campaign({ status: 'completed' }))).toMatchObject({ is: 'message' })
  const absent = { accountId: '', campaignId: '00000000-0000-4000-8000-00000000dead' }
  expect(await prepared(absent)).toMatchObject({ is: 'wait', reason: 'awaiting-row' })
})
