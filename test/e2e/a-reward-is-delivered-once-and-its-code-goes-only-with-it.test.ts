import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'
import { workerctlOn } from '../support/workerctl-on.ts'

test('a reward that three events name is delivered once; its code is in the delivery and never in the notification; a manual one is left alone', async () => {
  await using scene = await setScene({ smtp: { keepBodies: true }, webhooks: { keepBodies: true } })
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const person = await platform.person(campaign)
  const url = `${scene.webhooks.url}/plain`
  const secret = 'no prefix, so these are the bytes: ä'
  scene.webhooks.setSecrets('/plain', [Buffer.from(secret, 'utf8').toString('base64')])
  await platform.webhook(campaign, url, secret)
  const codeTemplate = 'CODE-{random}'
  const rewards = {
    email: await platform.reward(campaign, { method: 'email', codeTemplate }),
    webhook: await platform.reward(campaign, { method: 'webhook', webhookUrl: url, codeTemplate }),
    manual: await platform.reward(campaign, { method: 'manual', codeTemplate }),
  }
  const daemon = scene.daemon()
  await daemon.ready()
  for (const rewardId of Object.values(rewards)) {
    const userRewardId = await platform.earned(campaign, rewardId, person.userId)
    // Told three times, as three events, by a platform that makes a new id each time.
    for (let time = 0; time < 3; time++) {
      await scene.publisher.publishRewardEarned({
        ...campaign,
        userRewardId,
        rewardId,
        userId: person.userId,
        eventId: crypto.randomUUID(),
      })
    }
  }
  await scene.settled()

  const grants = await scene.sql.query<{ reward_id: string; status: string; code: string | null; attempts: number }>(
    `SELECT reward_id, status, reward_data->>'code' AS code, delivery_attempts AS attempts FROM user_rewards`,
  )
  const of = (rewardId: string) => grants.find((grant) => grant.reward_id === rewardId)
  expect(of(rewards.email)).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(of(rewards.webhook)).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(of(rewards.manual)).toMatchObject({ status: 'earned', attempts: 0, code: null })

  const codes = [of(rewards.email)?.code ?? 'none', of(rewards.webhook)?.code ?? 'none']
  for (const code of codes) expect(code).toMatch(/^CODE-\w{10}$/)
  const saying = (code: string) => scene.smtp.mails.filter(({ raw }) => raw?.includes(code)).length
  expect(codes.map(saying)).toEqual([1, 0])
  expect(scene.smtp.mails.filter(({ raw }) => raw?.includes('CODE-'))).toHaveLength(1)
  // Nine notifications, one for each event, and the delivery.
  expect(scene.smtp.mails).toHaveLength(10)
  expect(new Set(scene.smtp.mails.map(({ messageId }) => messageId)).size).toBe(10)
  expect(scene.webhooks.calls.map(({ signatureOk, body }) => ({ signatureOk, code: body?.includes(codes[1] ?? '') }))).toEqual([
    { signatureOk: true, code: true },
  ])

  const manual = await scene.sql.query(`SELECT state, reason FROM worker.intents WHERE kind = 'reward' AND reason = 'manual'`)
  expect(manual).toEqual([{ state: 'skipped', reason: 'manual' }])
  const { out } = await workerctlOn(scene, 'intents', 'list', '--reason', 'manual', '--json')
  expect(out).toContain(of(rewards.manual)?.reward_id ?? 'nobody')
  expect(await daemon.metrics()).toMatch(/deliveries_total\{[^}]*kind="reward"[^}]*outcome="skipped"[^}]*\} 1\b/)
})
