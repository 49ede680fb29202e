import type { Intent } from '../../model/intent.ts'
import type { AttemptEnd, EndedNote, Started } from '../../model/intent-kind.ts'
import type { Sql } from '../../std/sql.ts'
import { notFound } from '../eligibility.ts'
import { codeFrom } from './reward-code.ts'
import { userRewardIdOf } from './reward-row.ts'
import { deliverable, notDeliverable } from './start-condition.ts'

/**
 * Counts the attempt and settles the code, in the transaction that commits before anything is sent. The update takes the
 * row's lock and judges it as it is then: a revocation that committed before stops the delivery, one that comes later finds
 * an attempt on record.
 */
export async function startReward<Message>(
  intent: Intent,
  tx: Sql,
  random: () => string,
  withCode: (code: string | null) => Message,
): Promise<Started<Message>> {
  const id = userRewardIdOf(intent)
  const [row] = await tx.query<{ campaign_id: string; code: string | null; code_template: string | null }>(
    `UPDATE platform.user_rewards ur
     SET delivery_attempts = ur.delivery_attempts + 1, last_delivery_attempt_at = now(), updated_at = now()
     FROM platform.rewards r
     WHERE ur.id = $1 AND r.id = ur.reward_id AND ${deliverable}
     RETURNING ur.campaign_id, nullif(trim(ur.reward_data->>'code'), '') AS code, nullif(trim(r.config->>'code_template'), '') AS code_template`,
    [id],
  )
  if (row === undefined) return { is: 'skip', reason: await whyNot(id, tx) }
  if (row.code !== null || row.code_template === null) return { is: 'go', message: withCode(row.code) }

  const code = await codeFrom({ campaignId: row.campaign_id, userRewardId: id, template: row.code_template }, tx, random)
  await tx.query(
    `UPDATE platform.user_rewards
     SET reward_data = CASE jsonb_typeof(reward_data) WHEN 'object' THEN reward_data ELSE '{}' END || jsonb_build_object('code', $2::text)
     WHERE id = $1`,
    [id, code],
  )
  return { is: 'go', message: withCode(code) }
}

/** Writes the attempt's end into the reward. A status that the platform set meanwhile is newer than ours and stays. */
export async function rewardEnded(intent: Intent, end: AttemptEnd, tx: Sql): Promise<EndedNote | undefined> {
  const id = userRewardIdOf(intent)
  if (!end.ok) {
    await tx.query(`UPDATE platform.user_rewards ur SET delivery_error = $2, updated_at = now() WHERE ur.id = $1 AND ${unsettled}`, [
      id,
      sentenceOf(end),
    ])
    return undefined
  }
  // Expiry was checked at the start; a reward that was delivered in time is delivered, whatever the time is now.
  const updated = await tx.query(
    `UPDATE platform.user_rewards ur SET status = 'delivered', delivered_at = now(), delivery_error = NULL, updated_at = now()
     WHERE ur.id = $1 AND ${unsettled} RETURNING ur.id`,
    [id],
  )
  if (updated.length > 0) return undefined
  const [row] = await tx.query<{ status: string }>('SELECT status FROM platform.user_rewards WHERE id = $1', [id])
  if (row?.status === 'delivered') return undefined
  return { note: row === undefined ? 'reward-deleted-meanwhile' : `reward-${row.status}-meanwhile` }
}

const unsettled = `ur.status IN ('pending', 'earned')`

async function whyNot(id: string, tx: Sql): Promise<string> {
  const [row] = await tx.query<{ status: string; expired: boolean }>(
    'SELECT status, coalesce(expires_at <= now(), false) AS expired FROM platform.user_rewards WHERE id = $1',
    [id],
  )
  if (row === undefined) return notFound
  // Read after the update: what it refused may be deliverable again by now; the skip was right when it was decided.
  return notDeliverable(row.status, row.expired) ?? 'reward-changed'
}

function sentenceOf({ final, reason }: AttemptEnd): string {
  return `${final ? 'Not delivered' : 'Not delivered yet, will be tried again'}: ${reason ?? 'unknown reason'}.`
}
