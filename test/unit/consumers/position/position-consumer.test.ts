import { expect, it } from 'vitest'
import { positionConsumer } from '../../../../src/consumers/position/position-consumer.ts'
import { noSql } from '../../../support/memory-intent-store.ts'
import { campaignId, sampleEvent } from '../../../support/sample-event.ts'
import { sampleIntent } from '../../../support/sample-intent.ts'

it('requests one recalculation per campaign, whichever participant was verified, and lets requests coalesce', () => {
  const drafts = [1, 2].map((n) => positionConsumer.accept(sampleEvent('referral.verified', n)))
  expect(drafts[0]).toEqual([
    { kind: 'recalculate', version: 1, channel: 'leaderboard', key: `recalculate:${campaignId}`, coalesce: true, campaignId, data: {} },
  ])
  expect(drafts[1]).toEqual(drafts[0])
  expect(positionConsumer).toMatchObject({ name: 'position-workers', types: ['referral.verified'], poolSize: 1 })
})

it('needs nothing but the campaign to prepare one', async () => {
  const intents = ['c1', 'c2'].map((campaignId) => sampleIntent({ kind: 'recalculate', channel: 'leaderboard', eventId: null, campaignId }))
  expect(await positionConsumer.kinds[0]?.prepare(intents, noSql)).toEqual([
    { is: 'message', message: { campaignId: 'c1' } },
    { is: 'message', message: { campaignId: 'c2' } },
  ])
})
