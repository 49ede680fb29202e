import type { DecidingConsumer } from '../../model/consumer.ts'
import { createMailKind, mailDraft, type MailKindSettings } from './mail-kind.ts'
import { broadcastDraft, createMilestoneBroadcastKind } from './milestone-broadcast.ts'

/** `email-workers`: a mail for each event to the person it concerns, and a broadcast for each milestone. */
export function createEmailConsumer(settings: MailKindSettings): DecidingConsumer {
  const { maxEventAgeMs } = settings.rules
  const mail = (...draft: Parameters<typeof mailDraft>) => [{ ...mailDraft(...draft), maxEventAgeMs }]
  return {
    name: 'email-workers',
    types: ['user.*', 'referral.verified', 'reward.earned', 'campaign.*'],
    accept(event) {
      const to = (userId: string) => ({ campaignId: event.campaign_id, userId })
      switch (event.type) {
        case 'user.signed_up':
          return mail(event.id, 'welcome', to(event.data.user_id))
        case 'user.verified':
          return mail(event.id, 'verification', to(event.data.user_id))
        case 'referral.verified':
          return mail(event.id, 'position_update', to(event.data.referrer_id), { referral_id: event.data.referral_id })
        case 'reward.earned':
          return mail(event.id, 'reward_earned', to(event.data.user_id), { user_reward_id: event.data.user_reward_id })
        case 'campaign.milestone_reached':
          return [broadcastDraft(event)]
        default:
          return []
      }
    },
    kinds: [createMailKind(settings), createMilestoneBroadcastKind(settings)],
  }
}
