import { isProjecting, type Consumer } from '../model/consumer.ts'
import type { OwnTables } from '../model/projection.ts'
import { analyticsConsumer } from './analytics/analytics-consumer.ts'
import { createEmailConsumer } from './email/email-consumer.ts'
import { everythingGoes, type MailRules } from './mail-rules.ts'
import { positionConsumer } from './position/position-consumer.ts'
import { createRewardConsumer } from './reward/reward-consumer.ts'

/** The operator's settings for consumers. */
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
    analyticsConsumer, // counters, only where KAFKA_GROUPS names it
  ]
}

/** The registered consumers as data, to be listed and named: no operator has configured them, and they must not run. */
export const listedConsumers: readonly Consumer[] = createConsumers({
  missingRowWaitMs: 0,
  positionMailMaxWaitMs: 0,
  referralLinkTemplate: null,
  rules: everythingGoes,
})

/** What the configuration is checked against: which groups exist, and which of them run only when they are named. */
export const knownGroups = {
  groups: listedConsumers.map(({ name }) => name),
  optInGroups: listedConsumers.filter(({ optIn }) => optIn === true).map(({ name }) => name),
}

/** The groups that run unless `KAFKA_GROUPS` names others. */
export const defaultGroups: readonly string[] = knownGroups.groups.filter((group) => !knownGroups.optInGroups.includes(group))

/** The tables of those of these groups that keep rows of their own; each is a migration set. */
export function tablesOf(groups: readonly string[]): readonly OwnTables[] {
  return listedConsumers
    .filter(isProjecting)
    .filter(({ name }) => groups.includes(name))
    .map(({ tables }) => tables)
}
