import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('a revocation that is being written when a delivery starts prevents it; changes by the platform during a delivery are kept, and the delivery is counted', async () => {
  // A reward without a code starts in one statement, one whose code is drawn in a transaction.
  for (const code of [{}, { codeTemplate: 'UP-{random}' }]) {
    await using fixture = await createFixture({ webhooks: { keepBodies: true } })
    const platform = new Platform(fixture.sql)
    const campaign = await platform.campaign()
    const person = await platform.person(campaign)
    const endpoint = fixture.webhooks.endpoint('/rewards')
    await platform.webhook(campaign, endpoint.url, endpoint.secret)
    const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url, ...code })
    const grants = {
      revokedBefore: await platform.earned(campaign, rewardId, person.userId),
      revoked: await platform.earned(campaign, rewardId, person.userId),
      redeemed: await platform.earned(campaign, rewardId, person.userId),
      expired: await platform.earned(campaign, rewardId, person.userId),
      undisturbed: await platform.earned(campaign, rewardId, person.userId),
    }
    const publish = (userRewardId: string) =>
      fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: person.userId })
    const daemon = fixture.daemon()
    await daemon.ready()

    // The platform holds the row with a revocation that nobody sees yet: prepare finds it earned, start waits for the lock.
    await fixture.transaction(async (tx) => {
      await tx.query(`UPDATE user_rewards SET status = 'revoked', revoked_at = now() WHERE id = $1`, [grants.revokedBefore])
      await publish(grants.revokedBefore)
      await eventually('the start waits for the platform', async () => {
        const waiting = await fixture.sql.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%user_rewards%'`,
        )
        return waiting.length > 0 || 'not yet'
      })
    })
    await fixture.drained()
    expect(fixture.webhooks.calls).toEqual([])

    // Between request and answer the platform changes its mind.
    const changes: Readonly<Record<string, string>> = { revoked: grants.revoked, redeemed: grants.redeemed, expired: grants.expired }
    fixture.webhooks.respondWith(async ({ body }) => {
      for (const [status, id] of Object.entries(changes))
        if (body?.includes(id) === true) await fixture.sql.query('UPDATE user_rewards SET status = $2 WHERE id = $1', [id, status])
      return { status: 204 }
    })
    for (const id of [...Object.values(changes), grants.undisturbed]) await publish(id)
    await fixture.drained()

    const rows = await fixture.sql.query<{ id: string; status: string; attempts: number; delivered: boolean }>(
      'SELECT id, status, delivery_attempts AS attempts, delivered_at IS NOT NULL AS delivered FROM user_rewards',
    )
    const of = (id: string) => rows.find((row) => row.id === id)
    expect(of(grants.revokedBefore)).toMatchObject({ status: 'revoked', attempts: 0, delivered: false })
    for (const [status, id] of Object.entries(changes)) expect(of(id)).toMatchObject({ status, attempts: 1, delivered: false })
    expect(of(grants.undisturbed)).toMatchObject({ status: 'delivered', attempts: 1, delivered: true })
    const metrics = await daemon.metrics()
    for (const status of Object.keys(changes))
      expect(metrics).toMatch(new RegExp(`delivery_notes_total\\{[^}]*note="reward-${status}-meanwhile"[^}]*\\} 1\\b`))
    const intents = await fixture.sql.query<{ state: string; reason: string | null }>(
      `SELECT state, reason FROM worker.intents WHERE kind = 'reward' AND key = $1`,
      [`reward:${grants.revokedBefore}`],
    )
    expect(intents).toEqual([{ state: 'skipped', reason: 'reward-revoked' }])
  }
})
