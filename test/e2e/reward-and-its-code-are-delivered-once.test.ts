import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { workerctlFor } from '../support/workerctl-for.ts'

test('a reward named by three events is delivered once; only the delivery contains its code, not the notification; a manual reward is not touched', async () => {
  await using fixture = await createFixture({ smtp: { keepBodies: true }, webhooks: { keepBodies: true } })
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const url = `${fixture.webhooks.url}/plain`
  const secret = 'no prefix, so these are the bytes: ä'
  fixture.webhooks.setSecrets('/plain', [Buffer.from(secret, 'utf8').toString('base64')])
  await platform.webhook(campaign, url, secret)
  const codeTemplate = 'CODE-{random}'
  const rewards = {
    email: await platform.reward(campaign, { method: 'email', codeTemplate }),
    webhook: await platform.reward(campaign, { method: 'webhook', webhookUrl: url, codeTemplate }),
    manual: await platform.reward(campaign, { method: 'manual', codeTemplate }),
  }
  const daemon = fixture.daemon()
  await daemon.ready()
  for (const rewardId of Object.values(rewards)) {
    const userRewardId = await platform.earned(campaign, rewardId, person.userId)
    // Published three times, as three events, by a platform that makes a new id each time.
    for (let time = 0; time < 3; time++) {
      await fixture.publisher.publishRewardEarned({
        ...campaign,
        userRewardId,
        rewardId,
        userId: person.userId,
        eventId: crypto.randomUUID(),
      })
    }
  }
  await fixture.drained()

  const grants = await fixture.sql.query<{ reward_id: string; status: string; code: string | null; attempts: number }>(
    `SELECT reward_id, status, reward_data->>'code' AS code, delivery_attempts AS attempts FROM user_rewards`,
  )
  const of = (rewardId: string) => grants.find((grant) => grant.reward_id === rewardId)
  expect(of(rewards.email)).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(of(rewards.webhook)).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(of(rewards.manual)).toMatchObject({ status: 'earned', attempts: 0, code: null })

  const codes = [of(rewards.email)?.code ?? 'none', of(rewards.webhook)?.code ?? 'none']
  for (const code of codes) expect(code).toMatch(/^CODE-\w{10}$/)
  const saying = (code: string) => fixture.smtp.mails.filter(({ raw }) => raw?.includes(code)).length
  expect(codes.map(saying)).toEqual([1, 0])
  expect(fixture.smtp.mails.filter(({ raw }) => raw?.includes('CODE-'))).toHaveLength(1)
  // Nine notifications, one for each event, and the delivery.
  expect(fixture.smtp.mails).toHaveLength(10)
  expect(new Set(fixture.smtp.mails.map(({ messageId }) => messageId)).size).toBe(10)
  expect(fixture.webhooks.calls.map(({ signatureOk, body }) => ({ signatureOk, code: body?.includes(codes[1] ?? '') }))).toEqual([
    { signatureOk: true, code: true },
  ])

  const manual = await fixture.sql.query(`SELECT state, reason FROM worker.intents WHERE kind = 'reward' AND reason = 'manual'`)
  expect(manual).toEqual([{ state: 'skipped', reason: 'manual' }])
  const { out } = await workerctlFor(fixture, 'intents', 'list', '--reason', 'manual', '--json')
  expect(out).toContain(of(rewards.manual)?.reward_id ?? 'nobody')
  expect(await daemon.metrics()).toMatch(/deliveries_total\{[^}]*kind="reward"[^}]*outcome="skipped"[^}]*\} 1\b/)
})
