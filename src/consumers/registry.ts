import type { Consumer } from '../model/consumer.ts'
import { createEmailConsumer } from './email/email-consumer.ts'
import type { MailRules } from './mail-rules.ts'
import { positionConsumer } from './position/position-consumer.ts'
import { createRewardConsumer } from './reward/reward-consumer.ts'

/** What consumers are told by the operator. */
export interface ConsumerSettings {
  readonly missingRowWaitMs: number
  readonly positionMailMaxWaitMs: number
  /** Links of campaigns without a domain of their own; `{referral_code}` stands for the code. */
  readonly referralLinkTemplate: string | null
  readonly rules: MailRules
}

/** Every consumer group there is: one folder and one line each. */
export function createConsumers(settings: ConsumerSettings): readonly Consumer[] {
  return [
    createEmailConsumer(settings), // mails about what happened
    positionConsumer, // leaderboards
    createRewardConsumer(settings), // rewards, by mail or webhook
  ]
}
