import type { WebhookMessage } from '../../delivery/webhook/webhook-message.ts'
import type { Intent, IntentDraft } from '../../model/intent.ts'
import type { IntentKind, KindValues } from '../../model/intent-kind.ts'
import type { AnyEvent } from '../../events/event.ts'
import type { DecidingConsumer } from '../../model/consumer.ts'
import type { MailRules } from '../mail-rules.ts'
import { randomCode } from './reward-code.ts'
import { recordRewardOutcomes, startRewards } from './reward-state.ts'
import { prepareRewards } from './prepare-reward.ts'
import { rewardMail, withMailCode } from './reward-mail.ts'
import { rewardRows } from './reward-rows.ts'
import type { FoundReward } from './reward-row.ts'
import { rewardWebhook, withWebhookCode } from './reward-webhook.ts'

export interface RewardSettings {
  /** `MISSING_ROW_WAIT_MS`. */
  readonly missingRowWaitMs: number
  /** `REFERRAL_LINK_TEMPLATE`, holding `{referral_code}`; null when it is not set. */
  readonly referralLinkTemplate: string | null
  readonly rules: MailRules
  /** Replaces `{random}` in a code; unguessable by default. */
  readonly randomCode?: () => string
}

/**
 * Delivers earned rewards. The delivery method is in the reward's row, which accept does not read: the intent begins on the webhook
 * channel, and the kind there moves it to the email channel if the row says so (and back, until it has started).
 */
export function createRewardConsumer(settings: RewardSettings): DecidingConsumer {
  const code = settings.randomCode ?? randomCode
  const email: IntentKind<'email'> = {
    ...kind,
    channel: 'email',
    prepare: (intents, read) => prepareRewards(intents, read, { ...settings, method: 'email', message: rewardMail }),
    start: startRewards(code, withMailCode),
    recordOutcomes: recordRewardOutcomes,
  }
  /** Of messages that go out as they are; a code that is drawn, or copied from its template, comes at the start. */
  const startValues = new WeakMap<WebhookMessage, KindValues>()
  const webhookMessage = (row: FoundReward, intent: Intent): WebhookMessage | { readonly dead: string } => {
    const message = rewardWebhook(row, intent)
    if ('url' in message && (row.code !== null || row.code_template === null)) startValues.set(message, [row.user_reward_id, row.code])
    return message
  }
  const webhook: IntentKind<'webhook'> = {
    ...kind,
    channel: 'webhook',
    prepare: (intents, read) => prepareRewards(intents, read, { ...settings, method: 'webhook', message: webhookMessage }),
    kindRows: { ...rewardRows, startValues: ({ message }) => startValues.get(message) ?? null },
    start: startRewards(code, withWebhookCode),
    recordOutcomes: recordRewardOutcomes,
  }
  return { name: 'reward-workers', types: ['reward.earned'], accept, kinds: [webhook, email] }
}

const kind = { kind: 'reward', version: 1 } as const

/** One delivery per `user_reward_id`, however many events name it. */
function accept(event: AnyEvent): readonly IntentDraft[] {
  if (event.type !== 'reward.earned') return []
  const { user_reward_id, user_id, campaign_id } = event.data
  return [
    {
      ...kind,
      channel: 'webhook',
      key: `reward:${user_reward_id}`,
      campaignId: campaign_id,
      userId: user_id,
      data: { user_reward_id },
    },
  ]
}
