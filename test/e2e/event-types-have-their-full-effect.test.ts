import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { hostileRole } from '../support/hostile-role.ts'
import { Platform } from '../support/platform.ts'
import { createFixture, type Fixture } from '../support/fixture.ts'

const subjectsTo = (mails: readonly { recipients: readonly string[]; subject: string }[], address: string) =>
  mails.filter(({ recipients }) => recipients.includes(address)).map(({ subject }) => subject)

test('each event type has its full effect, and no other', async () => {
  await using fixture = await createFixture()
  expect(await mailsOfEachEvent(fixture, fixture.databaseUrl)).toBe(10)
})

test("each event has it where the role's settings are the worst there are and the platform has a schema of its own", async () => {
  await using fixture = await createFixture({ platformSchema: 'shop' })
  await using role = await hostileRole(fixture.sql, fixture.databaseUrl)
  expect(await mailsOfEachEvent(fixture, role.url)).toBe(10)
})

/** Publishes one of each and expects what follows; returns how many mails there were. */
async function mailsOfEachEvent(fixture: Fixture, databaseUrl: string): Promise<number> {
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign({ points: 2 })
  const [ada, bob, eve] = [await platform.person(campaign), await platform.person(campaign), await platform.person(campaign)]
  const daemon = fixture.daemon({ DATABASE_URL: databaseUrl })
  await daemon.ready()

  await fixture.publisher.publishUserSignedUp({ ...campaign, ...ada })
  await fixture.publisher.publishUserVerified({ ...campaign, ...bob })
  await fixture.drained()
  expect(subjectsTo(fixture.smtp.mails, ada.email)).toHaveLength(1)
  expect(subjectsTo(fixture.smtp.mails, bob.email)).toHaveLength(1)

  const referralId = await platform.referral(campaign, eve.userId, bob.userId)
  const referral = { ...campaign, referralId, referrerId: eve.userId, referredId: bob.userId }
  await fixture.publisher.publishReferralCreated(referral)
  await fixture.publisher.publishReferralVerified({ ...referral, pointsPerReferral: 2 })
  await fixture.drained()
  expect(subjectsTo(fixture.smtp.mails, eve.email)).toHaveLength(1)
  // Third to join, two points for one referral: 3 - 2 = 1, tied with the first and later than they.
  const positions = await fixture.sql.query<{ id: string; position: number }>('SELECT id, position FROM waitlist_users ORDER BY position')
  expect(positions.map(({ id }) => id)).toEqual([ada.userId, eve.userId, bob.userId])

  const endpoint = fixture.webhooks.endpoint('/rewards')
  await platform.webhook(campaign, endpoint.url, endpoint.secret)
  const rewards = {
    email: await platform.reward(campaign, { method: 'email', codeTemplate: 'WELCOME-{random}' }),
    webhook: await platform.reward(campaign, { method: 'webhook', webhookUrl: endpoint.url }),
    manual: await platform.reward(campaign, { method: 'manual' }),
  }
  for (const rewardId of Object.values(rewards)) {
    const userRewardId = await platform.earned(campaign, rewardId, ada.userId)
    await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: ada.userId })
  }
  await fixture.drained()
  // The welcome, three notices that a reward was earned, and the one that is delivered by mail.
  expect(subjectsTo(fixture.smtp.mails, ada.email)).toHaveLength(5)
  expect(fixture.webhooks.calls.map(({ signatureOk, status }) => ({ signatureOk, status }))).toEqual([{ signatureOk: true, status: 204 }])
  const states = await fixture.sql.query<{ reward_id: string; status: string; code: string | null }>(
    `SELECT reward_id, status, reward_data->>'code' AS code FROM user_rewards`,
  )
  const of = (rewardId: string) => states.find((state) => state.reward_id === rewardId)
  expect(of(rewards.email)).toMatchObject({ status: 'delivered', code: expect.stringMatching(/^WELCOME-.{6,}$/) })
  expect(of(rewards.webhook)).toMatchObject({ status: 'delivered' })
  expect(of(rewards.manual)).toMatchObject({ status: 'earned' })

  await fixture.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: '3_participants', participantCount: 3 })
  await fixture.drained()
  for (const { email } of [ada, bob, eve])
    expect(subjectsTo(fixture.smtp.mails, email).filter((subject) => /3 participants/i.test(subject))).toHaveLength(1)

  const logs = await fixture.sql.query<{ status: string; count: string }>('SELECT status, count(*) FROM email_logs GROUP BY 1')
  expect(logs).toEqual([{ status: 'sent', count: String(fixture.smtp.mails.length) }])
  await eventually('everything accepted is committed to Kafka', async () => {
    const ranges = await fixture.admin.ranges(fixture.topic)
    const committed = await fixture.admin.committed(fixture.group('email-workers'), fixture.topic)
    return [...ranges].every(([partition, { high }]) => high === 0n || committed.get(partition) === high) || 'not yet'
  })
  return fixture.smtp.mails.length
}
