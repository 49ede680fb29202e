import type { Sql } from '../../../std/sql.ts'
import { backToPending, untouched } from './coalesced.ts'

export interface Expired {
  readonly reclaimed: number
  readonly ambiguous: number
}

/**
 * Expires the leases of workers. Intents that were only claimed are pending again. A mail that was being sent may have gone out: it becomes
 * `ambiguous`, or `held` when it was before or under `hold`, and keeps owner and claims, so that a late reply of its worker still counts.
 * Works in batches until none is left; locked rows are left to their sessions.
 */
export async function expireLeases(sql: Sql, options: { hold: boolean; ambiguousRetryMs: number }, batchSize: number): Promise<Expired> {
  let reclaimed = 0
  let ambiguous = 0
  for (;;) {
    const [row] = await sql.query<{ claimed: number; handing_over: number }>(expireStatement, [
      batchSize,
      options.hold,
      options.ambiguousRetryMs,
    ])
    const { claimed, handing_over: handingOver } = row ?? { claimed: 0, handing_over: 0 }
    reclaimed += claimed
    ambiguous += handingOver
    if (claimed + handingOver < batchSize) return { reclaimed, ambiguous }
  }
}

const expireStatement = `
WITH expired AS MATERIALIZED (
  SELECT id, state, coalesce
    FROM worker.intents
   WHERE state IN ('claimed', 'handing_over') AND lease_until <= now()
   ORDER BY lease_until
   LIMIT $1
     FOR UPDATE SKIP LOCKED
),
reclaimed AS (
  UPDATE worker.intents
     SET state = 'pending', owner = NULL, lease_until = NULL
   WHERE id = ANY (ARRAY(SELECT id FROM expired WHERE state = 'claimed' AND NOT coalesce))
),
doubted AS (
  UPDATE worker.intents
     SET state = CASE WHEN $2 OR ambiguous > 0 THEN 'held' ELSE 'ambiguous' END,
         ambiguous = ambiguous + 1,
         reason = 'lease-over',
         due_at = now() + $3 * interval '1 millisecond',
         lease_until = NULL
   WHERE id = ANY (ARRAY(SELECT id FROM expired WHERE state = 'handing_over' AND NOT coalesce))
),
${backToPending('SELECT id FROM expired WHERE coalesce', untouched)}
SELECT count(*) FILTER (WHERE state = 'claimed')::int AS claimed, count(*) FILTER (WHERE state = 'handing_over')::int AS handing_over
  FROM expired`
