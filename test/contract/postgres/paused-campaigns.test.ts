import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import { judgeCampaign } from '../../../src/consumers/eligibility.ts'
import { createIntentWorkers } from '../../../src/delivery/worker-pool.ts'
import { prepareEach } from '../../../src/model/intent-kind.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { createDeliveryFixture, mailKind, mailMessage } from '../../unit/delivery/delivery-fixture.ts'
import { eventually } from '../../support/eventually.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { Platform } from '../../support/platform.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { campaignId, insertIntents, rowOf } from './intent-rows.ts'

const other = '00000000-0000-4000-8000-00000000000b'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())
beforeEach(() => database.sql.query('DELETE FROM worker.intents'))

const due = (campaign: string, count: number, group = 'mailers') =>
  database.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id, due_at)
     SELECT $1, 'mail', 1, 'email', $2::text || n, $2::uuid, now() - interval '1 minute' FROM generate_series(1, $3::int) AS n`,
    [group, campaign, count],
  )
const paused = { reason: 'campaign-paused', afterMs: 3_600_000 }
const waiting = async () => {
  const [row] = await database.sql.query<{ count: number }>(
    `SELECT count(*)::int FROM worker.intents WHERE reason = 'campaign-paused' AND due_at > now() AND waiting_since IS NOT NULL`,
  )
  return row?.count
}

describe('a campaign that is paused', () => {
  it('defers its intents together, by a statement that reads no more than 5,000', async () => {
    await due(campaignId, 1_500)
    await due(other, 6_000)
    await due(campaignId, 10, 'others')
    await insertIntents(
      database.sql,
      { key: 'another kind', kind: 'letter' },
      { key: 'another class', class: 'replay' },
      { key: 'in doubt', state: 'ambiguous' },
      { key: 'later', due_at: new Date(Date.now() + 60_000) },
      { key: 'claimed', state: 'claimed' },
    )
    const store = createIntentStore(database, { channels: channelNames })
    const looked = sampleIntent({ group: 'mailers', campaignId })
    expect(await store.postponeCampaign(looked, paused)).toBe(1_000)
    expect(await store.postponeCampaign(looked, paused)).toBe(500)
    expect(await store.postponeCampaign(looked, paused)).toBe(0)
    expect(await waiting()).toBe(1_500)
    // Behind 5,000 others none of its own is found, nor looked for.
    await database.sql.query(`UPDATE worker.intents SET due_at = now() WHERE reason = 'campaign-paused'`)
    expect(await store.postponeCampaign(looked, paused)).toBe(0)
  })

  it('costs a statement or two, not one for each of 4,000 mails, and delays no other campaign', async () => {
    await due(campaignId, 4_000)
    await due(other, 50)
    let looks = 0
    const kind = mailKind({
      prepare: prepareEach(async (intent) => {
        if (intent.campaignId !== campaignId) return { is: 'message', message: mailMessage }
        looks += 1
        return { is: 'wait', of: 'campaign', ...paused }
      }),
    })
    const fixture = createDeliveryFixture([kind], { store: createIntentStore(database, { channels: channelNames }) })
    Object.assign(fixture.email, { deliveryLog: null })
    const workers = createIntentWorkers({ group: 'mailers', executor: fixture.executor, poolSize: 10, owner: 'me', pollMs: 20 })
    try {
      workers.start()
      await eventually('the others are sent, and all of the campaign waits', async () => {
        const [row] = await database.sql.query<{ sent: number }>(`SELECT count(*)::int AS sent FROM worker.intents WHERE state = 'sent'`)
        const waits = await waiting()
        return (row?.sent === 50 && waits === 4_000) || `${row?.sent} sent, ${waits} wait`
      })
    } finally {
      await workers.stop()
    }
    expect(looks).toBeLessThan(200)
  })

  it('wakes them in batches when it resumes, and not before', async () => {
    const platform = new Platform(database.sql)
    const store = createIntentStore(database, { channels: channelNames })
    const cases = ['draft', 'active', 'paused', 'completed'].flatMap((status) =>
      [false, true].flatMap((deleted) => ['active', 'suspended', 'canceled'].map((account) => ({ status, deleted, account }))),
    )
    for (const [index, { status, deleted, account }] of cases.entries()) {
      const campaign = await platform.campaign({ status })
      await database.sql.query('UPDATE campaigns SET deleted_at = CASE WHEN $2 THEN now() END WHERE id = $1', [
        campaign.campaignId,
        deleted,
      ])
      await database.sql.query('UPDATE accounts SET status = $2 WHERE id = $1', [campaign.accountId, account])
      const due_at = new Date(Date.now() + 3_600_000)
      await insertIntents(database.sql, {
        key: `${index}`,
        campaign_id: campaign.campaignId,
        reason: 'campaign-paused',
        due_at,
        waiting_since: due_at,
      })
    }
    await insertIntents(database.sql, { key: 'gone', campaign_id: other, reason: 'campaign-paused' })
    const { resumed } = await store.resumeCampaigns()
    for (const [index, { status, deleted, account }] of cases.entries()) {
      const judged = judgeCampaign({ campaign_status: status, campaign_deleted: deleted, account_status: account })
      const { reason, due_at, waiting_since } = await rowOf(database.sql, `${index}`)
      const isWoken = reason === null && waiting_since === null && due_at.getTime() <= Date.now() + 1_000
      expect({ status, deleted, account, isWoken }).toEqual({ status, deleted, account, isWoken: judged.is !== 'wait' })
    }
    expect((await rowOf(database.sql, 'gone')).reason).toBeNull()
    expect(resumed).toBe(cases.filter(({ status, deleted, account }) => status !== 'paused' || deleted || account !== 'active').length + 1)
    expect(await store.resumeCampaigns()).toEqual({ resumed: 0, all: true })
  })

  it('wakes thousands of intents in batches of a thousand', async () => {
    await due(other, 1_200)
    await database.sql.query(`UPDATE worker.intents SET reason = 'campaign-paused', due_at = now() + interval '1 hour'`)
    const store = createIntentStore(database, { channels: channelNames })
    expect(await store.resumeCampaigns()).toEqual({ resumed: 1_000, all: false })
    expect(await store.resumeCampaigns()).toEqual({ resumed: 200, all: true })
  })
})
