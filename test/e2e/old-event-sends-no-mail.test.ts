import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('an event that is old when it is first accepted sends no mail and delivers no reward, but changes positions', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign({ points: 2 })
  const [ada, bob] = [await platform.person(campaign), await platform.person(campaign)]
  await platform.person(campaign)
  const referralId = await platform.referral(campaign, bob.userId, ada.userId)
  const rewardId = await platform.reward(campaign, { method: 'email' })
  const userRewardId = await platform.earned(campaign, rewardId, ada.userId)
  const daemon = fixture.daemon({ MAIL_MAX_EVENT_AGE_SECONDS: '3600' })
  await daemon.ready()

  const timestamp = new Date(Date.now() - 3_700_000)
  await fixture.publisher.publishUserSignedUp({ ...campaign, ...ada, timestamp })
  await fixture.publisher.publishUserVerified({ ...campaign, ...ada, timestamp })
  await fixture.publisher.publishReferralVerified({
    ...campaign,
    referralId,
    referrerId: bob.userId,
    referredId: ada.userId,
    pointsPerReferral: 2,
    timestamp,
  })
  await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: ada.userId, timestamp })
  await fixture.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: '3_participants', participantCount: 3, timestamp })
  await fixture.drained()
  expect(fixture.smtp.mails).toEqual([])
  const ends = await fixture.sql.query<{ state: string; reason: string; count: number }>(
    `SELECT state, reason, count(*)::int AS count FROM worker.intents WHERE channel <> 'leaderboard' GROUP BY 1, 2`,
  )
  // Four mails, the delivery of the reward, and the broadcast as a whole.
  expect(ends).toEqual([{ state: 'skipped', reason: 'stale', count: 6 }])
  // The mails were skipped when their events were accepted: nobody claimed them, and they are counted all the same.
  const claims = await fixture.sql.query(`SELECT max(claims) AS claims FROM worker.intents WHERE kind = 'mail'`)
  expect(claims).toEqual([{ claims: 0 }])
  const metrics = await daemon.metrics()
  expect(metrics).toMatch(/delivery_skips_total\{[^}]*kind="mail"[^}]*reason="stale"[^}]*\} 4\b/)
  expect(metrics).toMatch(/deliveries_total\{[^}]*kind="mail"[^}]*outcome="skipped"[^}]*\} 4\b/)
  const positions = await fixture.sql.query<{ id: string }>('SELECT id FROM waitlist_users ORDER BY position')
  expect(positions[0]?.id).toBe(bob.userId)

  await fixture.publisher.publishUserSignedUp({ ...campaign, ...bob, timestamp: new Date(Date.now() - 3_500_000) })
  await fixture.drained()
  expect(fixture.smtp.mails.map(({ recipients }) => recipients)).toEqual([[bob.email]])
})
