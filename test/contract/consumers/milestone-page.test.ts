import { afterAll, beforeAll, expect, it } from 'vitest'
import { createMilestoneBroadcastKind } from '../../../src/consumers/email/milestone-broadcast.ts'
import { everythingGoes } from '../../../src/consumers/mail-rules.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { Platform, type Campaign } from '../../support/platform.ts'
import { sampleIntent } from '../../support/sample-intent.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

const kind = createMilestoneBroadcastKind({ missingRowWaitMs: 1_000, rules: everythingGoes })
const at = new Date()

async function prepared({ campaignId }: Campaign) {
  const times = { eventAt: at, createdAt: at }
  return kind.prepare(sampleIntent({ channel: 'broadcast', kind: 'milestone-broadcast', campaignId, ...times }), database.sql)
}

/** Everybody to whom the broadcast writes, page by page. */
async function recipients(campaign: Campaign, limit: number): Promise<readonly (string | undefined)[]> {
  const answer = await prepared(campaign)
  if (answer.is !== 'message') throw new Error(`no message but ${JSON.stringify(answer)}`)
  const all: (string | undefined)[] = []
  let cursor: Awaited<ReturnType<typeof answer.message.page>>['cursor'] = null
  do {
    const page = await answer.message.page(cursor, limit, database.sql)
    all.push(...page.drafts.map(({ userId }) => userId))
    cursor = page.cursor
  } while (cursor !== null)
  return all
}

it('a page leaves out who is suppressed by the account of the campaign, whatever the reason and the capitals', async () => {
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

it('a broadcast waits for a campaign that is paused or not there yet, and ends with one that is a draft', async () => {
  const platform = new Platform(database.sql)
  expect(await prepared(await platform.campaign({ status: 'paused' }))).toMatchObject({ is: 'wait', reason: 'campaign-paused' })
  expect(await prepared(await platform.campaign({ status: 'draft' }))).toEqual({ is: 'skip', reason: 'campaign-draft' })
  expect(await prepared(await platform.campaign({ status: 'completed' }))).toMatchObject({ is: 'message' })
  const absent = { accountId: '', campaignId: '00000000-0000-4000-8000-00000000dead' }
  expect(await prepared(absent)).toMatchObject({ is: 'wait', reason: 'awaiting-row' })
})
