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
    createEmailConsumer(settings), // mails about events
    positionConsumer, // leaderboards
    createRewardConsumer(settings), // rewards, by mail or webhook
    analyticsConsumer, // counters, only where KAFKA_GROUPS names it
  ]
}

/** The registered consumers for their names and types only: they are not configured and must not run. */
export const listedConsumers: readonly Consumer[] = createConsumers({
  missingRowWaitMs: 0,
  positionMailMaxWaitMs: 0,
  referralLinkTemplate: null,
  rules: everythingGoes,
})

/** The group names that the configuration is checked against, and which groups run only when named. */
export const knownGroups = {
  groups: listedConsumers.map(({ name }) => name),
  optInGroups: listedConsumers.filter(({ optIn }) => optIn === true).map(({ name }) => name),
}

/** The groups that run unless `KAFKA_GROUPS` names others. */
export const defaultGroups: readonly string[] = knownGroups.groups.filter((group) => !knownGroups.optInGroups.includes(group))

/** The tables of the projecting groups among these; each is a migration set. */
export function tablesOf(groups: readonly string[]): readonly OwnTables[] {
  return listedConsumers
    .filter(isProjecting)
    .filter(({ name }) => groups.includes(name))
    .map(({ tables }) => tables)
}
