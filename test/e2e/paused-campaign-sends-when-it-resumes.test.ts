import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('mails, rewards and milestones of a paused campaign wait without an attempt, and are sent when it resumes', async () => {
  await using fixture = await createFixture()
  const platform = new Platform(fixture.sql)
  const [campaign, running] = [await platform.campaign({ status: 'paused' }), await platform.campaign()]
  const [ada, bob] = [await platform.person(campaign), await platform.person(running)]
  const rewardId = await platform.reward(campaign, { method: 'email' })
  const userRewardId = await platform.earned(campaign, rewardId, ada.userId)
  await fixture.daemon({ CAMPAIGN_PAUSED_RECHECK_MS: '200' }).ready()

  await fixture.publisher.publishUserSignedUp({ ...campaign, ...ada })
  await fixture.publisher.publishRewardEarned({ ...campaign, userRewardId, rewardId, userId: ada.userId })
  await fixture.publisher.publishCampaignMilestoneReached({ ...campaign, milestone: '1_participants', participantCount: 1 })
  await fixture.publisher.publishUserSignedUp({ ...running, ...bob })
  const waiting = () =>
    fixture.sql.query<{ kind: string }>(
      `SELECT kind FROM worker.intents
        WHERE campaign_id = $1 AND state IN ('pending', 'claimed') AND reason = 'campaign-paused' AND attempt = 0 ORDER BY kind`,
      [campaign.campaignId],
    )
  await eventually('all of it waits', async () => {
    const rows = await waiting()
    return rows.length === 4 || JSON.stringify(rows)
  })
  expect((await waiting()).map(({ kind }) => kind)).toEqual(['mail', 'mail', 'milestone-broadcast', 'reward'])
  const recipients = () => fixture.smtp.mails.flatMap(({ recipients }) => recipients)
  await eventually('the mail of the campaign that runs is sent', () => recipients().length > 0 || 'not yet')
  expect(recipients()).toEqual([bob.email])
  expect(await fixture.sql.query('SELECT delivery_attempts FROM user_rewards')).toEqual([{ delivery_attempts: 0 }])

  await fixture.sql.query(`UPDATE campaigns SET status = 'active' WHERE id = $1`, [campaign.campaignId])
  await fixture.drained()
  // The welcome, the notice, the reward and the milestone.
  expect(recipients().filter((address) => address === ada.email)).toHaveLength(4)
  expect(await fixture.sql.query('SELECT status, delivery_attempts FROM user_rewards')).toEqual([
    { status: 'delivered', delivery_attempts: 1 },
  ])
  expect(await fixture.sql.query(`SELECT id FROM worker.intents WHERE attempt > 1`)).toEqual([])
})
