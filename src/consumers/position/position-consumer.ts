import type { DecidingConsumer } from '../../model/consumer.ts'

/**
 * `position-workers`: a verified referral requests a recalculation of its campaign's leaderboard. The event only triggers it: the changes
 * are found in the rows, and pending requests for the same campaign are coalesced into one.
 */
export const positionConsumer: DecidingConsumer = {
  name: 'position-workers',
  types: ['referral.verified'],
  poolSize: 1,
  accept(event) {
    return [
      {
        kind: 'recalculate',
        version: 1,
        channel: 'leaderboard',
        key: `recalculate:${event.campaign_id}`,
        coalesce: true,
        campaignId: event.campaign_id,
        data: {},
      },
    ]
  },
  kinds: [
    {
      kind: 'recalculate',
      version: 1,
      channel: 'leaderboard',
      // The intent holds everything; nothing is read.
      prepare: async (intents) => intents.map(({ campaignId }) => ({ is: 'message', message: { campaignId } })),
    },
  ],
}
