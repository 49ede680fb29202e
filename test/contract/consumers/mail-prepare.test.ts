import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMailKind } from '../../../src/consumers/email/mail-kind.ts'
import { everythingGoes, type MailRules } from '../../../src/consumers/mail-rules.ts'
import type { MailType } from '../../../src/delivery/email/mail-message.ts'
import type { Intent } from '../../../src/model/intent.ts'
import { unsubscribe } from '../../../src/infra/postgres/admin/unsubscribe.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'
import { sampleIntent } from '../../support/sample-intent.ts'
import { insert, rewardIntent, rewardKinds, createReward, type EarnedReward } from './earned-reward.ts'
import { prepareOne } from '../../support/prepare-one.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase()
})
afterAll(() => database.close())

const linkOf = ({ userId, campaignId }: { userId: string; campaignId: string }) => `https://example.com/${campaignId}/${userId}`

const types = ['welcome', 'verification', 'position_update', 'reward_earned', 'milestone'] as const
type OwnMail = Exclude<MailType, 'reward_delivery'>

/** Whatever the mail is about exists, unless the earned says otherwise. */
async function look(earned: EarnedReward, type: OwnMail, rules: Partial<MailRules> = {}, change: Partial<Intent> = {}) {
  const kind = createMailKind({
    missingRowWaitMs: 300_000,
    positionMailMaxWaitMs: 0,
    referralLinkTemplate: null,
    rules: { ...everythingGoes, ...rules },
  })
  const data = { type, referral_id: await referralOf(earned), user_reward_id: earned.userRewardId }
  return prepareOne(kind, sampleIntent({ campaignId: earned.campaignId, userId: earned.userId, data, ...change }), database.sql)
}

const referrals = new Map<string, string>()
async function referralOf({ campaignId, userId }: EarnedReward): Promise<string> {
  const known = referrals.get(userId)
  if (known !== undefined) return known
  const friend = { campaign_id: campaignId, email: `friend-${userId}@example.org`, referral_code: `friend-${userId}`, status: 'verified' }
  const friendId = await insert(database.sql, 'waitlist_users', { ...friend, position: 9, original_position: 9 })
  const referral = { campaign_id: campaignId, referrer_id: userId, referred_id: friendId, status: 'verified' }
  const id = await insert(database.sql, 'referrals', referral)
  referrals.set(userId, id)
  return id
}

async function suppress(earned: EarnedReward, reason: string, accountId = earned.accountId, column = 'email'): Promise<void> {
  await database.sql.query(
    `INSERT INTO worker.suppressions (account_id, address_hash, reason)
     SELECT $1, worker.address_hash(upper(${column})), $2 FROM waitlist_users WHERE id = $3`,
    [accountId, reason, earned.userId],
  )
}

describe.each(types)('a %s mail', (type) => {
  it.each([
    ['person-deleted', `UPDATE waitlist_users SET deleted_at = now() WHERE id = $1`, 'userId'],
    ['person-blocked', `UPDATE waitlist_users SET status = 'blocked' WHERE id = $1`, 'userId'],
    ['person-removed', `UPDATE waitlist_users SET status = 'removed' WHERE id = $1`, 'userId'],
    ['campaign-draft', `UPDATE campaigns SET status = 'draft' WHERE id = $1`, 'campaignId'],
    ['campaign-deleted', `UPDATE campaigns SET deleted_at = now() WHERE id = $1`, 'campaignId'],
    ['account-suspended', `UPDATE accounts SET status = 'suspended' WHERE id = $1`, 'accountId'],
    ['account-canceled', `UPDATE accounts SET status = 'canceled' WHERE id = $1`, 'accountId'],
  ] as const)('is skipped as %s', async (reason, change, id) => {
    const earned = await createReward(database.sql)
    expect(await look(earned, type)).toMatchObject({ is: 'message' })
    await database.sql.query(change, [earned[id]])
    expect(await look(earned, type)).toEqual({ is: 'skip', reason })
  })

  it("has a link on the campaign's domain, or says that it is not understood", async () => {
    const earned = await createReward(database.sql)
    const links = async (domain: string) => {
      await database.sql.query(`UPDATE campaigns SET branding_config = jsonb_build_object('custom_domain', $1::text) WHERE id = $2`, [
        domain,
        earned.campaignId,
      ])
      const prepared = [await look(earned, type), await prepareOne(rewardKinds().email, rewardIntent(earned.userRewardId), database.sql)]
      return prepared.map((answer) => (answer.is === 'message' ? [answer.message.values.referral_link, answer.note] : answer))
    }
    // There is one note, and this mail has one already.
    const other = type === 'position_update' ? 'position-not-recalculated' : undefined
    const own = expect.stringMatching(/^https:\/\/xn--bcher-kva\.example\/r\//) as unknown
    expect(await links('https://b\u00fccher.example./')).toEqual([
      [own, other],
      [own, undefined],
    ])
    expect(await links('example.org/path')).toEqual([
      [null, other ?? 'custom-domain-not-understood'],
      [expect.stringMatching(/^https:\/\/example\.com\//), 'custom-domain-not-understood'],
    ])
  })

  it('waits while the campaign is paused, and is sent when it is completed', async () => {
    const earned = await createReward(database.sql)
    await database.sql.query(`UPDATE campaigns SET status = 'paused' WHERE id = $1`, [earned.campaignId])
    expect(await look(earned, type)).toEqual({ is: 'wait', reason: 'campaign-paused', afterMs: 3_600_000, of: 'campaign' })
    await database.sql.query(`UPDATE campaigns SET status = 'completed' WHERE id = $1`, [earned.campaignId])
    expect(await look(earned, type)).toMatchObject({ is: 'message' })
  })

  it('waits for a missing row, but not endlessly', async () => {
    const earned = await createReward(database.sql)
    const absent = { userId: earned.campaignId }
    expect(await look(earned, type, {}, absent)).toEqual({ is: 'wait', reason: 'awaiting-row', afterMs: 1_000 })
    const long = { ...absent, reason: 'awaiting-row', waitingSince: new Date(0) }
    expect(await look(earned, type, {}, long)).toEqual({ is: 'skip', reason: 'not-found' })
  })

  it('is skipped when its address bounced, or unsubscribed and the mail responds to no action', async () => {
    const earned = await createReward(database.sql)
    await suppress(earned, 'bounced', earned.campaignId)
    expect(await look(earned, type)).toMatchObject({ is: 'message' })
    await suppress(earned, 'unsubscribed')
    const unasked = type === 'position_update' || type === 'milestone'
    expect(await look(earned, type)).toMatchObject(unasked ? { is: 'skip', reason: 'suppressed-unsubscribed' } : { is: 'message' })
    await suppress(earned, 'bounced')
    expect(await look(earned, type)).toEqual({ is: 'skip', reason: 'suppressed-bounced' })
    await database.sql.query(`UPDATE campaigns SET status = 'paused' WHERE id = $1`, [earned.campaignId])
    expect(await look(earned, type)).toEqual({ is: 'skip', reason: 'suppressed-bounced' })
  })

  it('is skipped when the event was old, or the address is not allowed', async () => {
    const earned = await createReward(database.sql)
    const old = { eventAt: new Date(1_000), createdAt: new Date(3_001) }
    expect(await look(earned, type, { maxEventAgeMs: 2_000 }, old)).toEqual({ is: 'skip', reason: 'stale' })
    expect(await look(earned, type, { maxEventAgeMs: 2_000 }, { ...old, class: 'broadcast' })).toMatchObject({ is: 'message' })
    expect(await look(earned, type, { isAllowed: () => false })).toEqual({ is: 'skip', reason: 'not-allowed' })
  })

  it('has an unsubscribe link unless it responds to an action', async () => {
    const earned = await createReward(database.sql)
    const url = type === 'position_update' || type === 'milestone' ? linkOf(earned) : null
    const prepared = await look(earned, type, { unsubscribeLink: linkOf })
    expect(prepared).toMatchObject({ message: { unsubscribeUrl: url, values: { unsubscribe_link: url } } })
  })
})

describe('a mail with an earlier attempt', () => {
  const frozen = { envelope: { to: 'old@xn--bcher-kva.example', address: 'old@b\u00fccher.example' }, body: Buffer.from('mail') }

  it('is checked by its frozen address, not by the current address of the row', async () => {
    const earned = await createReward(database.sql)
    await suppress(earned, 'bounced')
    expect(await look(earned, 'welcome', {}, { frozen })).toMatchObject({ message: { to: { address: 'old@b\u00fccher.example' } } })
    await suppress(earned, 'bounced', earned.accountId, `'old@b\u00fccher.example'::text || left(email, 0)`)
    expect(await look(earned, 'welcome', {}, { frozen })).toEqual({ is: 'skip', reason: 'suppressed-bounced' })
  })
})

describe('a mailbox with several spellings', () => {
  const [composed, decomposed] = ['info@b\u00fccher.example', 'info@bu\u0308cher.example']
  it.each([
    ['info@xn--bcher-kva.example', composed],
    [composed, 'info@xn--bcher-kva.example'],
    [composed, 'info@XN--BCHER-KVA.example'],
    [decomposed, composed],
    [composed, decomposed],
    ['INFO@B\u00dcCHER.example', composed],
    ['j\u00f6rg@xn--bcher-kva.example', 'J\u00d6RG@B\u00dcCHER.example'],
  ])('unsubscribed as %s gets no mail as %s', async (unsubscribed, written) => {
    const earned = await createReward(database.sql)
    await database.sql.query('UPDATE waitlist_users SET email = $1 WHERE id = $2', [written, earned.userId])
    expect(await look(earned, 'milestone')).toMatchObject({ is: 'message' })
    await unsubscribe(database.sql, { accountId: earned.accountId, address: unsubscribed })
    expect(await look(earned, 'milestone')).toEqual({ is: 'skip', reason: 'suppressed-unsubscribed' })
    expect(await look(earned, 'welcome')).toMatchObject({ is: 'message' })
    await database.sql.query('DELETE FROM worker.suppressions')
    // Rows that the platform, or an earlier version, wrote for itself.
    await database.sql.query(
      `INSERT INTO worker.suppressions (account_id, address_hash, reason) VALUES ($1, sha256(convert_to(lower($2), 'UTF8')), 'bounced')`,
      [earned.accountId, unsubscribed.toLowerCase()],
    )
    expect(await look(earned, 'welcome')).toEqual({ is: 'skip', reason: 'suppressed-bounced' })
    const reward = prepareOne(rewardKinds().email, rewardIntent(earned.userRewardId), database.sql)
    expect(await reward).toEqual({ is: 'skip', reason: 'suppressed-bounced' })
  })
})

describe('a reward', () => {
  it('by mail is not sent to an address that bounced, but to one that unsubscribed', async () => {
    const kinds = rewardKinds()
    const earned = await createReward(database.sql)
    await suppress(earned, 'unsubscribed')
    expect(await prepareOne(kinds.email, rewardIntent(earned.userRewardId), database.sql)).toMatchObject({ is: 'message' })
    await suppress(earned, 'bounced')
    expect(await prepareOne(kinds.email, rewardIntent(earned.userRewardId), database.sql)).toEqual({
      is: 'skip',
      reason: 'suppressed-bounced',
    })
  })

  it('by webhook needs no address', async () => {
    const earned = await createReward(database.sql, { method: 'webhook' })
    await suppress(earned, 'unsubscribed')
    await suppress(earned, 'bounced')
    const kinds = rewardKinds({ rules: { ...everythingGoes, isAllowed: () => false } })
    const prepared = await prepareOne(kinds.webhook, rewardIntent(earned.userRewardId), database.sql)
    expect(prepared).toEqual({ is: 'dead', reason: 'no-endpoint' })
  })

  it('of an old event is not delivered, unless it is to be delivered by hand', async () => {
    const kinds = rewardKinds({ rules: { ...everythingGoes, maxEventAgeMs: 1_000 } })
    const old = { eventAt: new Date(0), createdAt: new Date(1_001) }
    const reasonOf = async (method: 'email' | 'webhook' | 'manual') => {
      const { userRewardId } = await createReward(database.sql, { method })
      return prepareOne(kinds.webhook, rewardIntent(userRewardId, old), database.sql)
    }
    expect(await reasonOf('email')).toEqual({ is: 'skip', reason: 'stale' })
    expect(await reasonOf('webhook')).toEqual({ is: 'skip', reason: 'stale' })
    expect(await reasonOf('manual')).toEqual({ is: 'skip', reason: 'manual' })
    const missing = rewardIntent('00000000-0000-4000-8000-00000000dead', old)
    expect(await prepareOne(kinds.webhook, missing, database.sql)).toEqual({ is: 'skip', reason: 'stale' })
  })
})
