import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { workerctlFor } from '../support/workerctl-for.ts'

test('a reward goes to the active endpoint of its campaign or else of its account, never to a paused, failed, deleted or foreign one; after a 410 an endpoint gets nothing more', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const stranger = await platform.campaign()
  const person = await platform.person(campaign)
  const daemon = fixture.daemon()
  await daemon.ready()

  let paths = 0
  /** A path with the endpoints that `rows` describes; only the one marked `right` has the secret that the path accepts. */
  async function deliver(rows: readonly { right?: true; change?: string; foreign?: true; ofAccount?: true }[]): Promise<string> {
    const { url, secret } = fixture.webhooks.endpoint(`/path-${++paths}`)
    for (const { right, change, foreign, ofAccount } of rows) {
      const id = await platform.webhook(
        foreign ? stranger : campaign,
        url,
        right ? secret : `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
      )
      if (ofAccount) await fixture.sql.query('UPDATE webhooks SET campaign_id = NULL WHERE id = $1', [id])
      if (change !== undefined) await fixture.sql.query(`UPDATE webhooks SET ${change} WHERE id = $1`, [id])
    }
    const rewardId = await platform.reward(campaign, { method: 'webhook', webhookUrl: url })
    return earn(rewardId)
  }
  async function earn(rewardId: string): Promise<string> {
    const userRewardId = await platform.earned(campaign, rewardId, person.userId)
    await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: person.userId })
    return userRewardId
  }
  async function ending(userRewardId: string): Promise<string> {
    const [row] = await fixture.sql.query<{ state: string; reason: string | null; error: string | null }>(
      `SELECT i.state, i.reason, g.delivery_error AS error FROM worker.intents i, user_rewards g
        WHERE i.key = 'reward:' || $1 AND i.kind = 'reward' AND g.id = $1::uuid`,
      [userRewardId],
    )
    return [row?.state, row?.reason, row?.error].filter((word) => word !== null).join(' ')
  }

  const dead = 'dead no-endpoint Not delivered: no-endpoint.'
  const right = [
    await deliver([{ ofAccount: true }, { right: true }]),
    await deliver([{ right: true, ofAccount: true }, { change: `status = 'paused'` }]),
    await deliver([{ foreign: true }, { right: true, ofAccount: true }]),
  ]
  const wrong = [
    await deliver([]),
    await deliver([{ change: `status = 'paused'` }]),
    await deliver([{ change: `status = 'failed'` }]),
    await deliver([{ change: 'deleted_at = now()' }]),
    await deliver([{ foreign: true }]),
  ]
  await fixture.drained()
  expect(
    fixture.webhooks.calls.map(({ path, signatureOk }) => ({ path, signatureOk })).toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  ).toEqual(['/path-1', '/path-2', '/path-3'].map((path) => ({ path, signatureOk: true })))
  for (const id of right) expect(await ending(id)).toBe('delivered')
  for (const id of wrong) expect(await ending(id)).toBe(dead)

  fixture.webhooks.respondWith(() => ({ status: 410 }))
  const first = await deliver([{ right: true }])
  await fixture.drained()
  expect(await ending(first)).toBe('dead gone Not delivered: gone.')
  const calls = fixture.webhooks.calls.length
  const [reward] = await fixture.sql.query<{ reward_id: string }>('SELECT reward_id FROM user_rewards WHERE id = $1', [first])
  const later = await earn(reward?.reward_id ?? '')
  await fixture.drained()
  expect(await ending(later)).toBe(dead)
  expect(fixture.webhooks.calls).toHaveLength(calls)
  const [endpoint] = await fixture.sql.query('SELECT status, total_failed FROM webhooks WHERE url LIKE $1', [`%/path-${paths}`])
  expect(endpoint).toEqual({ status: 'failed', total_failed: 1 })

  // Retryable: once the endpoint is there again, the operator's retry delivers it.
  fixture.webhooks.respondWith(undefined)
  await fixture.sql.query(`UPDATE webhooks SET status = 'active' WHERE url LIKE $1`, [`%/path-${paths}`])
  await retry(later)
  await fixture.drained()
  expect(await ending(later)).toBe('delivered')

  async function retry(userRewardId: string): Promise<void> {
    const [row] = await fixture.sql.query<{ id: string }>(`SELECT id FROM worker.intents WHERE key = 'reward:' || $1`, [userRewardId])
    const { code, err } = await workerctlFor(fixture, 'intents', 'retry', row?.id ?? '', '--yes')
    expect({ code, err }).toEqual({ code: 0, err: '' })
  }
})
