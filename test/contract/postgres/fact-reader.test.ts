import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createFactReader } from '../../../src/infra/postgres/admin/postgres-fact-reader.ts'
import { factTypes, type FactReader, type FactType, type PlatformFact, type Window } from '../../../src/admin/reconcile-facts.ts'
import { migratedDatabase } from '../../support/migrated-database.ts'
import { Platform } from '../../support/platform.ts'

const hour = 3_600_000
const window: Window = { since: new Date(Date.now() - 2 * hour), until: new Date(Date.now() + hour) }

async function all(reader: FactReader, type: FactType): Promise<{ pages: number; facts: readonly PlatformFact[] }> {
  const facts: PlatformFact[] = []
  let pages = 0
  for (let after: string | null = null; ;) {
    const page = await reader.page(type, window, after)
    pages += 1
    facts.push(...page.facts)
    if (page.next === null) return { pages, facts }
    after = page.next
  }
}

test('facts are read by page: those in the window that still count, in the form of their events', async () => {
  const db = await migratedDatabase()
  try {
    const platform = new Platform(db.sql)
    const reader = createFactReader(db.sql)
    const campaign = await platform.campaign({ points: 3 })
    const gone = await platform.campaign()
    await platform.person(gone)
    await db.sql.query(`UPDATE campaigns SET deleted_at = now() WHERE id = $1`, [gone.campaignId])
    await platform.person(campaign, { status: 'blocked' })
    await platform.person(campaign, { deleted_at: new Date() })
    await platform.person(campaign, { created_at: new Date(Date.now() - 3 * hour), verified_at: null })
    const ada = await platform.person(campaign)
    const bob = await platform.person(campaign, { verified_at: null, status: 'pending' })
    const referralId = await platform.referral(campaign, ada.userId, bob.userId)
    const rewardId = await platform.reward(campaign, { method: 'manual' })
    const userRewardId = await platform.earned(campaign, rewardId, ada.userId)
    const revoked = await platform.earned(campaign, rewardId, bob.userId)
    await db.sql.query(`UPDATE user_rewards SET status = 'revoked' WHERE id = $1`, [revoked])

    const reported = Object.fromEntries(await Promise.all(factTypes.map(async (type) => [type, (await all(reader, type)).facts] as const)))
    const where = { ...campaign, timestamp: expect.any(Date) }
    expect(reported['user.signed_up']).toHaveLength(2)
    expect(reported['user.signed_up']).toContainEqual({ type: 'user.signed_up', ...where, ...bob })
    expect(reported['user.verified']).toEqual([{ type: 'user.verified', ...where, ...ada }])
    const referral = { ...where, referralId, referrerId: ada.userId, referredId: bob.userId }
    expect(reported['referral.created']).toEqual([{ type: 'referral.created', ...referral }])
    expect(reported['referral.verified']).toEqual([{ type: 'referral.verified', ...referral, pointsPerReferral: 3 }])
    expect(reported['reward.earned']).toEqual([{ type: 'reward.earned', ...where, userRewardId, userId: ada.userId, rewardId }])

    await platform.crowd(campaign, 10_001)
    const many = await all(reader, 'user.signed_up')
    expect(many.pages).toBeGreaterThan(2)
    expect(new Set(many.facts.map((fact) => ('userId' in fact ? fact.userId : ''))).size).toBe(10_003)
    expect(many.facts).toHaveLength(10_003)
  } finally {
    await db.close()
  }
})

test('outcomes are looked up by id, and show how the ids of their type are derived', async () => {
  const db = await migratedDatabase()
  try {
    const reader = createFactReader(db.sql)
    expect([await reader.oldestOutcome(null), await reader.recentIds()]).toEqual([null, []])
    const derived = '6f5b1c0e-3a0b-5d0f-9a39-2f6f0d8f7a11'
    const chosen = randomUUID()
    for (const [type, id] of [
      ['user.verified', derived],
      ['user.signed_up', chosen],
    ] as const)
      // prettier-ignore
      await db.sql.query(
        `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome)
         VALUES ('email-workers', $1, $2, '\\x00', 't', 0, 0, 'accepted')`,
        [id, type],
      )
    expect(await reader.outcomes(['email-workers', 'reward-workers'], [derived, chosen, randomUUID()])).toHaveLength(2)
    expect(await reader.outcomes(['reward-workers'], [derived])).toEqual([])
    expect((await reader.recentIds()).toSorted((a, b) => a.type.localeCompare(b.type))).toEqual([
      { type: 'user.signed_up', derived: false },
      { type: 'user.verified', derived: true },
    ])
    // By what they say, whatever their id; of the type and the groups that are wanted only.
    await db.sql.query(`UPDATE worker.outcomes SET content_hash = '\\xab01' WHERE event_id = $1`, [chosen])
    const groups = ['email-workers', 'reward-workers']
    expect(await reader.outcomesOfFacts('user.signed_up', groups, ['ab01', 'ab02'])).toEqual([
      { group: 'email-workers', contentHash: 'ab01' },
    ])
    expect(await reader.outcomesOfFacts('user.verified', groups, ['ab01'])).toEqual([])
    expect(await reader.outcomesOfFacts('user.signed_up', ['reward-workers'], ['ab01'])).toEqual([])
    expect(await reader.oldestOutcome(null)).toBeInstanceOf(Date)
    expect(await reader.oldestOutcome('email-workers')).toEqual(await reader.oldestOutcome(null))
    expect(await reader.oldestOutcome('reward-workers')).toBeNull()
  } finally {
    await db.close()
  }
})
