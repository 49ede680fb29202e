import type { AttemptOutcome, IntentOutcome, OutcomeNote, Start, Started } from '../../model/intent-kind.ts'
import type { Sql } from '../../std/sql.ts'
import { sqlArray } from '../../std/sql-array.ts'
import { notFound } from '../eligibility.ts'
import { codeFrom } from './reward-code.ts'
import { userRewardIdOf } from './reward-row.ts'
import { codeColumn, codeTemplateColumn, deliverable, notDeliverable } from './start-condition.ts'

/**
 * Counts the attempts and settles the codes, in the transaction that commits before anything is sent. The update takes the
 * rows' locks and judges their current state: a revocation that committed before stops the delivery, a later one finds an attempt on
 * record.
 */
export function startRewards<Message>(random: () => string, withCode: (message: Message, code: string | null) => Message): Start<Message> {
  return async (starts, tx) => {
    const ids = starts.map(({ intent }) => userRewardIdOf(intent))
    const rows = await tx.query<StartedReward>(startStatement, [ids])
    const codes = await codesOf(rows, tx, random)
    const reasons = await whyNot(
      ids.filter((id) => !codes.has(id)),
      tx,
    )
    return starts.map(({ message }, index): Started<Message> => {
      const id = ids[index] ?? ''
      const code = codes.get(id)
      if (code === undefined) return { is: 'skip', reason: reasons.get(id) ?? notFound }
      return { is: 'go', message: withCode(message, code) }
    })
  }
}

interface StartedReward {
  readonly id: string
  readonly campaign_id: string
  readonly code: string | null
  readonly code_template: string | null
}

const startStatement = `
  UPDATE platform.user_rewards ur
  SET delivery_attempts = ur.delivery_attempts + 1, last_delivery_attempt_at = now(), updated_at = now()
  FROM platform.rewards r
  WHERE ur.id = ANY ($1::uuid[]) AND r.id = ur.reward_id AND ${deliverable}
  RETURNING ur.id, ur.campaign_id, ${codeColumn} AS code, ${codeTemplateColumn} AS code_template`

/** The code of each of these rewards by its id, or null; new codes are written into the rewards. */
async function codesOf(rows: readonly StartedReward[], tx: Sql, random: () => string): Promise<ReadonlyMap<string, string | null>> {
  const codes = new Map(rows.map(({ id, code }) => [id, code]))
  const written: { readonly id: string; readonly code: string }[] = []
  for (const { id, campaign_id: campaignId, code, code_template: template } of rows) {
    if (code !== null || template === null) continue
    written.push({ id, code: await codeFrom({ campaignId, userRewardId: id, template }, tx, random) })
  }
  if (written.length === 0) return codes
  await tx.query(
    `UPDATE platform.user_rewards ur
     SET reward_data = CASE jsonb_typeof(reward_data) WHEN 'object' THEN reward_data ELSE '{}' END || jsonb_build_object('code', s.code)
     FROM unnest($1::uuid[], $2::text[]) AS s (id, code)
     WHERE ur.id = s.id`,
    [sqlArray(written, ({ id }) => id), sqlArray(written, ({ code }) => code)],
  )
  for (const { id, code } of written) codes.set(id, code)
  return codes
}

/** Writes the outcomes of attempts into the rewards. A status that the platform has set meanwhile is newer and stays. */
export async function recordRewardOutcomes(outcomes: readonly IntentOutcome[], tx: Sql): Promise<readonly (OutcomeNote | undefined)[]> {
  const all = outcomes.map(({ intent, outcome }) => ({ id: userRewardIdOf(intent), outcome }))
  const failed = all.filter(({ outcome }) => !outcome.ok)
  if (failed.length > 0) {
    await tx.query(
      `UPDATE platform.user_rewards ur SET delivery_error = s.error, updated_at = now()
       FROM unnest($1::uuid[], $2::text[]) AS s (id, error)
       WHERE ur.id = s.id AND ${unsettled}`,
      [sqlArray(failed, ({ id }) => id), sqlArray(failed, ({ outcome }) => sentenceOf(outcome))],
    )
  }
  const notes = await delivered(
    all.filter(({ outcome }) => outcome.ok).map(({ id }) => id),
    tx,
  )
  return all.map(({ id, outcome }) => (outcome.ok ? notes.get(id) : undefined))
}

/** Marks rewards delivered; for those that the platform has changed or deleted meanwhile it returns a note. */
async function delivered(ids: readonly string[], tx: Sql): Promise<ReadonlyMap<string, OutcomeNote>> {
  if (ids.length === 0) return new Map()
  const updated = await tx.query<{ intent_id: string }>(
    deliveredUpdate('(SELECT id AS intent_id, id AS user_reward_id FROM unnest($1::uuid[]) AS id) AS k'),
    [ids],
  )
  const done = new Set(updated.map(({ intent_id: id }) => id))
  return notesOfChanged(
    ids.filter((id) => !done.has(id)),
    tx,
  )
}

/** Marks the rewards of `k` delivered. Expiry was checked at the start; what was delivered in time is delivered, whatever the time is now. */
export function deliveredUpdate(k: string): string {
  return `
    UPDATE platform.user_rewards ur SET status = 'delivered', delivered_at = now(), delivery_error = NULL, updated_at = now()
    FROM ${k}
    WHERE ur.id = k.user_reward_id AND ${unsettled} RETURNING k.intent_id`
}

/** By the ids of rewards that were delivered, and whose rows could not say so: what the platform has done with them meanwhile. */
export async function notesOfChanged(ids: readonly string[], read: Sql): Promise<ReadonlyMap<string, OutcomeNote>> {
  if (ids.length === 0) return new Map()
  const rows = await read.query<{ id: string; status: string }>(
    'SELECT id, status FROM platform.user_rewards WHERE id = ANY ($1::uuid[])',
    [ids],
  )
  const statuses = new Map(rows.map(({ id, status }) => [id, status]))
  const others = ids.filter((id) => statuses.get(id) !== 'delivered')
  return new Map(others.map((id) => [id, { note: statuses.has(id) ? `reward-${statuses.get(id)}-meanwhile` : 'reward-deleted-meanwhile' }]))
}

const unsettled = `ur.status IN ('pending', 'earned')`

/** Why rewards were not started, by their ids; a reward that does not exist has no entry. */
async function whyNot(ids: readonly string[], tx: Sql): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await tx.query<{ id: string; status: string; expired: boolean }>(
    'SELECT id, status, coalesce(expires_at <= now(), false) AS expired FROM platform.user_rewards WHERE id = ANY ($1::uuid[])',
    [ids],
  )
  // Read after the update: what it refused may be deliverable again by now; the skip was right when it was decided.
  return new Map(rows.map(({ id, status, expired }) => [id, notDeliverable(status, expired) ?? 'reward-changed']))
}

function sentenceOf({ final, reason }: AttemptOutcome): string {
  return `${final ? 'Not delivered' : 'Not delivered yet, will be tried again'}: ${reason ?? 'unknown reason'}.`
}
