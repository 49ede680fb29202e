import type { IntentOutcome, OwnRows } from '../../model/intent-kind.ts'
import type { Sql } from '../../std/sql.ts'
import { codeColumn, codeTemplateColumn, meanwhile, sentenceOf, unsettled } from './reward-state.ts'
import { userRewardIdOf } from './reward-row.ts'
import { deliverable } from './start-condition.ts'

/**
 * The rows of rewards, in the statements that write starts and outcomes. A reward starts by its update if it may still be delivered and its
 * code is the one that was prepared; a revocation that committed before stops it here, a later one finds an attempt on record.
 */
export const rewardRows: OwnRows = {
  start: {
    columns: { user_reward_id: 'uuid', code: 'text' },
    sql: (k) => `
UPDATE platform.user_rewards ur
   SET delivery_attempts = ur.delivery_attempts + 1, last_delivery_attempt_at = now(), updated_at = now()
  FROM ${k}, platform.rewards r
 WHERE ur.id = k.user_reward_id AND r.id = ur.reward_id AND ${deliverable}
   AND ${codeColumn} IS NOT DISTINCT FROM k.code AND (k.code IS NOT NULL OR ${codeTemplateColumn} IS NULL)
RETURNING k.intent_id`,
  },
  outcome: {
    columns: { user_reward_id: 'uuid', error: 'text' },
    // Expiry was checked at the start; a reward that was delivered in time is delivered, whatever the time is now.
    sql: (k) => `
UPDATE platform.user_rewards ur
   SET status = CASE WHEN k.error IS NULL THEN 'delivered' ELSE ur.status END,
       delivered_at = CASE WHEN k.error IS NULL THEN now() ELSE ur.delivered_at END,
       delivery_error = k.error,
       updated_at = now()
  FROM ${k}
 WHERE ur.id = k.user_reward_id AND ${unsettled}
RETURNING k.intent_id`,
    valuesOf: ({ intent, outcome }) => [userRewardIdOf(intent), outcome.ok ? null : sentenceOf(outcome)],
    notes,
  },
}

/** Of rewards that were delivered, and whose rows the platform has changed or deleted meanwhile. */
async function notes(outcomes: readonly IntentOutcome[], read: Sql): ReturnType<OwnRows['outcome']['notes']> {
  const delivered = outcomes.filter(({ outcome }) => outcome.ok).map(({ intent }) => userRewardIdOf(intent))
  const found = await meanwhile(delivered, read)
  return outcomes.map(({ intent, outcome }) => (outcome.ok ? found.get(userRewardIdOf(intent)) : undefined))
}
