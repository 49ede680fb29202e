import type { SetAside } from '../../../delivery/intent-store.ts'
import type { Intent } from '../../../model/intent.ts'
import { PAUSED, pauseTag } from '../../../model/pause.ts'
import type { Sql } from '../../../std/sql.ts'
import { backToReplays, dueAgain } from './back-to-replays.ts'

/** The most due intents that one statement searches for others under the same pause, and sets aside: bounds its cost. */
const LOOKED_THROUGH = 2_000
const SET_ASIDE = 1_000
/** Intents made due in one statement. */
const WOKEN = 1_000

/** In the words of the index `intents_paused`. */
export const isSetAside = `state = 'pending' AND reason = '${PAUSED}'`

/** Condition on a pause `p`: it is not over. */
export const isActivePause = `p.ended_at IS NULL AND (p.ends_at IS NULL OR p.ends_at > now())`

/** The event types of the intents whose outcomes are on record, by event id. */
export async function eventTypes(sql: Sql, intents: readonly Pick<Intent, 'group' | 'eventId'>[]): Promise<ReadonlyMap<string, string>> {
  const rows = await sql.query<{ event_id: string; type: string }>(
    `SELECT o.event_id, o.type FROM unnest($1::text[], $2::uuid[]) AS i (group_name, event_id)
       JOIN worker.outcomes AS o ON o.group_name = i.group_name AND o.event_id = i.event_id`,
    [intents.map(({ group }) => group), intents.map(({ eventId }) => eventId)],
  )
  return new Map(rows.map(({ event_id: eventId, type }) => [eventId, type]))
}

/**
 * Takes intents under a pause out of the order of what is due: these, and what is due next of the same channel and class under it. Resolves to
 * how many. Locked rows are left alone; no attempt is counted.
 */
export async function setAside(sql: Sql, { pause, group, channel, class: cls, ids, forMs }: SetAside): Promise<number> {
  const statement = statements[pause.scope]
  if (statement === undefined) return 0
  return (await sql.query(statement, [group, channel, cls, pause.target, ids, forMs, pauseTag(pause)])).length
}

/** Makes a batch of intents due whose pause is over, by the database's clock. Resolves to their number; `all`: none are left. */
export async function wakePaused(sql: Sql): Promise<{ readonly woken: number; readonly all: boolean }> {
  const { length: woken } = await sql.query(wakeStatement)
  return { woken, all: woken < WOKEN }
}

const settingAside = (isUnderPause: string) => `
WITH next AS MATERIALIZED (
  SELECT id, campaign_id, destination, event_id FROM worker.intents
   WHERE group_name = $1 AND channel = $2 AND class = $3 AND state IN ('pending', 'ambiguous') AND due_at <= now()
   ORDER BY due_at, id
   LIMIT ${LOOKED_THROUGH}
),
theirs AS MATERIALIZED (
  SELECT id FROM worker.intents
   WHERE id = ANY ($5::bigint[] || ARRAY(SELECT id FROM next WHERE ${isUnderPause} LIMIT ${SET_ASIDE}))
     AND state = 'pending' AND due_at <= now()
     FOR UPDATE SKIP LOCKED
)
UPDATE worker.intents
   SET due_at = now() + $6::float8 * interval '1 millisecond', reason = '${PAUSED}', detail = $7, waiting_since = now()
 WHERE id = ANY (ARRAY(SELECT id FROM theirs))
RETURNING id`

// The type by a scalar subquery: a join could read all outcomes.
const statements: Readonly<Partial<Record<SetAside['pause']['scope'], string>>> = {
  campaign: settingAside('campaign_id = $4::uuid'),
  destination: settingAside('destination = $4'),
  type: settingAside('(SELECT o.type FROM worker.outcomes AS o WHERE o.group_name = $1 AND o.event_id = next.event_id) = $4'),
}

const wakeStatement = `
WITH RECURSIVE held (tag) AS (
  (SELECT detail FROM worker.intents WHERE ${isSetAside} ORDER BY detail LIMIT 1)
  UNION ALL
  SELECT (SELECT i.detail FROM worker.intents AS i WHERE ${isSetAside} AND i.detail > held.tag ORDER BY i.detail LIMIT 1)
    FROM held WHERE held.tag IS NOT NULL
),
over AS MATERIALIZED (
  SELECT tag FROM held
   WHERE tag IS NOT NULL AND NOT EXISTS (SELECT FROM worker.pauses AS p WHERE 'pause ' || p.id = held.tag AND ${isActivePause})
),
theirs AS MATERIALIZED (
  SELECT i.id, i.replay_job FROM over
   CROSS JOIN LATERAL (
     SELECT id, replay_job FROM worker.intents WHERE detail = over.tag AND ${isSetAside} ORDER BY id LIMIT ${WOKEN} FOR UPDATE SKIP LOCKED) AS i
   LIMIT ${WOKEN}
),
${backToReplays}
UPDATE worker.intents SET ${dueAgain}, detail = NULL
 WHERE id = ANY (ARRAY(SELECT id FROM theirs))
RETURNING id`
