import type { Forgetter, PersonRecord } from '../../../admin/forget-person.ts'
import { events } from '../../../events/catalogue/events.ts'
import type { Database } from '../../../std/sql.ts'
import { deliveryLogs } from '../delivery-logs/delivery-logs.ts'

/**
 * Erases a person's data. The intents are found by a sequential scan: an index on the person would be written at every change of state of
 * every intent (14 % more WAL for each), for a search that is made a few times a day at most.
 */
export function createForgetter(database: Database): Forgetter {
  return {
    find: async (userId) => {
      const [row] = await database.sql.query<PersonRecord>(findStatement, [userId, personalTypes])
      if (row === undefined) throw new Error('The statement that looks for a person returned no row.')
      return row
    },
    erase: (userId, intentIds) =>
      database.transaction(async (tx) => {
        const [row] = await tx.query<{ erased: number; movements: number; events: number; copies: number; replays: number }>(
          eraseStatement,
          [userId, intentIds, personalTypes],
        )
        // In a statement of its own, which sees what the first one wrote.
        const [left] = await tx.query<{ left: number }>(
          `SELECT count(*)::int AS left FROM worker.intents WHERE id = ANY ($2::bigint[]) AND user_id = $1`,
          [userId, intentIds],
        )
        return {
          erased: row?.erased ?? 0,
          movements: row?.movements ?? 0,
          events: row?.events ?? 0,
          copies: row?.copies ?? 0,
          replays: row?.replays ?? 0,
          left: left?.left ?? 0,
        }
      }),
  }
}

/** Types of events that hold personal data. */
const personalTypes = events.filter(({ personal }) => personal.length > 0).map(({ type }) => type)

/** Events of the outbox that hold data of the person. Found by the text, because it is the value of the record as it is; ids may be in capitals. */
const ofPerson = `type = ANY ($TYPES::text[]) AND strpos(lower(payload), $1::uuid::text) > 0`
/** Of these, those that are published or will never be by themselves; the others are the relay's. */
const theirEvents = `${ofPerson} AND (published_at IS NOT NULL OR failed_at IS NOT NULL)`
const theirWaitingEvents = `${ofPerson} AND published_at IS NULL AND failed_at IS NULL`

/** Records of dead letters that are kept for a replay and hold the id of the person, in the one spelling or the other. */
const theirCopies = `(position(convert_to($1::uuid::text, 'UTF8') IN value) > 0 OR position(convert_to(upper($1::uuid::text), 'UTF8') IN value) > 0)`

/** Replays whose filter names the person. There are few, and no retention deletes them. */
const theirReplays = `filter -> 'users' ? $1::uuid::text`
/** In place of the id, because a filter without ids selects everybody. */
const NOBODY = '00000000-0000-0000-0000-000000000000'

const findStatement = `
WITH theirs AS MATERIALIZED (SELECT id, state, group_name, key, channel FROM worker.intents WHERE user_id = $1)
SELECT (SELECT coalesce(json_agg(json_build_object('state', state, 'count', count)), '[]')
          FROM (SELECT state, count(*)::int AS count FROM theirs GROUP BY 1 ORDER BY 1) AS counted) AS intents,
       ARRAY(SELECT id::text FROM theirs ORDER BY id) AS "intentIds",
       (SELECT count(*)::int FROM platform.webhook_deliveries
         WHERE id = ANY (ARRAY(SELECT md5(group_name || ':' || key)::uuid FROM theirs))) AS deliveries,
       (SELECT count(*)::int FROM platform.email_logs WHERE user_id = $1) AS mails,
       (SELECT count(*)::int FROM worker.position_changes WHERE user_id = $1) AS movements,
       (SELECT count(*)::int FROM worker.outbox WHERE ${theirEvents.replace('$TYPES', '$2')}) AS events,
       (SELECT count(*)::int FROM worker.outbox WHERE ${theirWaitingEvents.replace('$TYPES', '$2')}) AS "waitingEvents",
       (SELECT count(*)::int FROM worker.dead_letter_copies WHERE ${theirCopies}) AS copies,
       (SELECT count(*)::int FROM worker.replay_jobs WHERE ${theirReplays}) AS replays,
       EXISTS (SELECT FROM platform.waitlist_users WHERE id = $1 AND ranked_score IS NOT NULL) AS ranked,
       coalesce((SELECT CASE WHEN deleted_at IS NULL THEN 'present' ELSE 'deleted' END FROM platform.waitlist_users WHERE id = $1), 'gone') AS person`

/**
 * The row of a running intent is left: what was frozen is being sent, and its outcome has to be recorded. Any other row is locked here, so
 * that no worker can claim it before it is cancelled; a late reply to one in doubt finds no owner and is dropped. The key stays, because
 * without it the event, read again from the topic, would have its effect again. Without the person's id it identifies nobody.
 */
const eraseStatement = `
WITH free AS MATERIALIZED (
  SELECT id, state FROM worker.intents
   WHERE id = ANY ($2::bigint[]) AND user_id = $1 AND state NOT IN ('claimed', 'handing_over')
     FOR UPDATE SKIP LOCKED
),
erased AS (
  UPDATE worker.intents AS i
     SET state = CASE WHEN free.state IN ('pending', 'ambiguous', 'held') THEN 'cancelled' ELSE i.state END,
         reason = 'forgotten', user_id = NULL, correlation_id = NULL, traceparent = NULL, data = '{}', envelope = NULL, body = NULL,
         owner = NULL, lease_until = NULL, waiting_since = NULL, finished_at = coalesce(i.finished_at, now())
    FROM free
   WHERE i.id = free.id
  RETURNING i.id, i.group_name, i.key
),${deliveryLogs.map(({ forgotten }) => forgotten).join(',')},
movements AS (
  DELETE FROM worker.position_changes WHERE user_id = $1 RETURNING 1
),
published AS (
  DELETE FROM worker.outbox WHERE ${theirEvents.replace('$TYPES', '$3')} RETURNING 1
),
copies AS (
  DELETE FROM worker.dead_letter_copies WHERE ${theirCopies} RETURNING group_name, topic, partition, "offset"
),
withdrawn AS (
  UPDATE worker.dead_letters AS d SET state = 'open', requested_at = NULL FROM copies
   WHERE (d.group_name, d.topic, d.partition, d."offset") = (copies.group_name, copies.topic, copies.partition, copies."offset")
     AND d.state = 'requested'
),
unnamed AS (
  UPDATE worker.replay_jobs SET filter = replace(filter::text, $1::uuid::text, '${NOBODY}')::jsonb WHERE ${theirReplays} RETURNING 1
)
SELECT (SELECT count(*)::int FROM erased) AS erased, (SELECT count(*)::int FROM movements) AS movements,
       (SELECT count(*)::int FROM published) AS events, (SELECT count(*)::int FROM copies) AS copies,
       (SELECT count(*)::int FROM unnamed) AS replays`
