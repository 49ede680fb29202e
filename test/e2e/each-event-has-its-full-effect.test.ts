import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { hostileRole } from '../support/hostile-role.ts'
import { Platform } from '../support/platform.ts'
import { setScene, type Scene } from '../support/scene.ts'

const subjectsTo = (mails: readonly { recipients: readonly string[]; subject: string }[], address: string) =>
  mails.filter(({ recipients }) => recipients.includes(address)).map(({ subject }) => subject)

test('each event type has its full effect, and no other', async () => {
  await using scene = await setScene()
  expect(await mailsOfEachEvent(scene, scene.databaseUrl)).toBe(10)
})

test("each event has it where the role's settings are the worst there are and the platform has a schema of its own", async () => {
  await using scene = await setScene({ platformSchema: 'shop' })
  await using role = await hostileRole(scene.sql, scene.databaseUrl)
  expect(await mailsOfEachEvent(scene, role.url)).toBe(10)
})

/** Publishes one of each and expects what follows; returns how many mails there were. */
async function mailsOfEachEvent(scene: Scene, databaseUrl: string): Promise<number> {
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign({ points: 2 })
  const [ada, bob, eve] = [await platform.person(campaign), await platform.person(campaign), await platform.person(campaign)]
  const daemon = scene.daemon({ DATABASE_URL: databaseUrl })
  await daemon.ready()

  await scene.publisher.publishUserSignedUp({ ...campaign, ...ada })
  await scene.publisher.publishUserVerified({ ...campaign, ...bob })
  await scene.settled()
  expect(subjectsTo(scene.smtp.mails, ada.email)).toHaveLength(1)
  expect(subjectsTo(scene.smtp.mails, bob.email)).toHaveLength(1)

  const referralId = await platform.referral(campaign, eve.userId, bob.userId)
  const referral = { ...campaign, referralId, referrerId: eve.userId, referredId: bob.userId }
  await scene.publisher.publishReferralCreated(referral)
  await scene.publisher.publishReferralVerified({ ...referral, pointsPerReferral: 2 })
  await scene.settled()
  expect(subjectsTo(scene.smtp.mails, eve.email)).toHaveLength(1)
  // Third to join, two points for one referral: 3 - 2 = 1, tied with the first and later than they.
  const positions = await scene.sql.query<{ id: string; position: number }>('SELECT id, position FROM waitlist_users ORDER BY position')
  expect(positions.map(({ id }) => id)).toEqual([ada.userId, eve.userId, bob.userId])

  const endpoint = scene.webhooks.endpoint('/rewards')
  await platform.webhook(campaign, endpoint.url, endpoint.secret)
  const rewards = {
    email: await platform.reward(campaign, { method: 'email', codeTemplate: 'WELCOME-{random}' }),
    webhook: await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url }),
    manual: await platform.reward(campaign, { method: 'manual' }),
  }
  for (const rewardId of Object.values(rewards)) {
    const userRewardId = await platform.earned(campaign, rewardId, ada.userId)
    await scene.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: ada.userId })
  }
  await scene.settled()
  // The welcome, three notices that a reward was earned, and the one that is delivered by mail.
  expect(subjectsTo(scene.smtp.mails, ada.email)).toHaveLength(5)
  expect(scene.webhooks.calls.map(({ signatureOk, status }) => ({ signatureOk, status }))).toEqual([{ signatureOk: true, status: 204 }])
  const states = await scene.sql.query<{ reward_id: string; status: string; code: string | null }>(
    `SELECT reward_id, status, reward_data->>'code' AS code FROM user_rewards`,
  )
  const of = (rewardId: string) => states.find((state) => state.reward_id === rewardId)
  expect(of(rewards.email)).toMatchObject({ status: 'delivered', code: expect.stringMatching(/^WELCOME-.{6,}$/) })
  expect(of(rewards.webhook)).toMatchObject({ status: 'delivered' })
  expect(of(rewards.manual)).toMatchObject({ status: 'earned' })

  await scene.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: '3_participants', participantCount: 3 })
  await scene.settled()
  for (const { email } of [ada, bob, eve])
    expect(subjectsTo(scene.smtp.mails, email).filter((subject) => /3 participants/i.test(subject))).toHaveLength(1)

  const logs = await scene.sql.query<{ status: string; count: string }>('SELECT status, count(*) FROM email_logs GROUP BY 1')
  expect(logs).toEqual([{ status: 'sent', count: String(scene.smtp.mails.length) }])
  await eventually('Kafka is told all that was accepted', async () => {
    const ranges = await scene.admin.ranges(scene.topic)
    const committed = await scene.admin.committed(scene.group('email-workers'), scene.topic)
    return [...ranges].every(([partition, { high }]) => high === 0n || committed.get(partition) === high) || 'not yet'
  })
  return scene.smtp.mails.length
}
