import type { DecidingConsumer } from '../../model/consumer.ts'

/**
 * `position-workers`: a verified referral makes its campaign's leaderboard be recalculated. The event is only a wake-up: what
 * has changed is found in the rows, and requests for the same campaign become one while they wait.
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
      // The intent says it all: nothing is read.
      prepare: async (intents) => intents.map(({ campaignId }) => ({ is: 'message', message: { campaignId } })),
    },
  ],
}
