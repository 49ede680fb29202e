import type { IntentOutcome, KindRows } from '../../model/intent-kind.ts'
import type { Sql } from '../../std/sql.ts'
import { deliveredUpdate, notesOfChanged } from './reward-state.ts'
import { userRewardIdOf } from './reward-row.ts'
import { codeColumn, codeTemplateColumn, deliverable } from './start-condition.ts'

/**
 * The rows of rewards, in the statements that write starts and outcomes. A reward starts by its update if it may still be delivered and its
 * code is the one that was prepared; a revocation that committed before stops it here, a later one finds an attempt on record. Of outcomes
 * only successes are written this way.
 */
export const rewardRows: KindRows = {
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
    columns: { user_reward_id: 'uuid' },
    sql: deliveredUpdate,
    valuesOf: ({ intent, outcome }) => (outcome.ok ? [userRewardIdOf(intent)] : null),
    notes,
  },
}

async function notes(outcomes: readonly IntentOutcome[], read: Sql): ReturnType<KindRows['outcome']['notes']> {
  const ids = outcomes.map(({ intent }) => userRewardIdOf(intent))
  const found = await notesOfChanged(ids, read)
  return ids.map((id) => found.get(id))
}
