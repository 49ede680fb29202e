import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'

test('an event that is old when it is first accepted mails nobody and delivers no reward, and still moves positions', async () => {
  await using scene = await setScene()
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign({ points: 2 })
  const [ada, bob] = [await platform.person(campaign), await platform.person(campaign)]
  await platform.person(campaign)
  const referralId = await platform.referral(campaign, bob.userId, ada.userId)
  const rewardId = await platform.reward(campaign, { method: 'email' })
  const userRewardId = await platform.earned(campaign, rewardId, ada.userId)
  await scene.daemon({ MAIL_MAX_EVENT_AGE_SECONDS: '3600' }).ready()

  const timestamp = new Date(Date.now() - 3_700_000)
  await scene.publisher.publishUserSignedUp({ ...campaign, ...ada, timestamp })
  await scene.publisher.publishUserVerified({ ...campaign, ...ada, timestamp })
  await scene.publisher.publishReferralVerified({
    ...campaign,
    referralId,
    referrerId: bob.userId,
    referredId: ada.userId,
    pointsPerReferral: 2,
    timestamp,
  })
  await scene.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: ada.userId, timestamp })
  await scene.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: '3_participants', participantCount: 3, timestamp })
  await scene.settled()
  expect(scene.smtp.mails).toEqual([])
  const ends = await scene.sql.query<{ state: string; reason: string; count: number }>(
    `SELECT state, reason, count(*)::int AS count FROM worker.intents WHERE channel <> 'leaderboard' GROUP BY 1, 2`,
  )
  // Four mails, the delivery of the reward, and the broadcast as a whole.
  expect(ends).toEqual([{ state: 'skipped', reason: 'stale', count: 6 }])
  const positions = await scene.sql.query<{ id: string }>('SELECT id FROM waitlist_users ORDER BY position')
  expect(positions[0]?.id).toBe(bob.userId)

  await scene.publisher.publishUserSignedUp({ ...campaign, ...bob, timestamp: new Date(Date.now() - 3_500_000) })
  await scene.settled()
  expect(scene.smtp.mails.map(({ recipients }) => recipients)).toEqual([[bob.email]])
})
