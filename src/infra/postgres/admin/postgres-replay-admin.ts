import type { RecordOutcome } from '../../../admin/intents/intent-admin.ts'
import type {
  ReplayAct,
  ReplayAdmin,
  ReplayAuditLine,
  ReplayEnd,
  ReplayOrder,
  ReplayState,
  ReplayView,
  UnclaimedIntent,
} from '../../../admin/replay/replay-admin.ts'
import type { ReplayRange } from '../../../ingest/replay-job.ts'
import type { Database, Sql } from '../../../std/sql.ts'
import { sqlArray } from '../../../std/sql-array.ts'
import { changeIntents } from './intent-change.ts'

/** @param record updates the state that the kind of a cancelled intent keeps */
export function createReplayAdmin(database: Database, record: RecordOutcome): ReplayAdmin {
  const { sql } = database
  return {
    create: (orders, act) =>
      database.transaction(async (tx) => {
        const ids: string[] = []
        for (const order of orders) ids.push(await create(tx, order, act))
        return ids
      }),
    list: (limit) => read(sql, 'ORDER BY id DESC LIMIT $1', [limit]),
    find: async (id) => (await read(sql, 'WHERE id = $1', [id]))[0] ?? null,
    ends: (id) =>
      sql.query<ReplayEnd>(
        `SELECT kind || coalesce(' ' || (data ->> 'type'), '') AS label, state, reason, count(*)::int AS count
           FROM worker.intents WHERE replay_job = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
        [id],
      ),
    audit: (id) =>
      sql.query<ReplayAuditLine>(
        'SELECT at, action, who AS owner, reason AS because FROM worker.replay_audit WHERE job_id = $1 ORDER BY id',
        [id],
      ),
    move: (id, from, to, action, act) =>
      database.transaction(async (tx) => {
        const [job] = await tx.query<{ state: ReplayState }>('SELECT state FROM worker.replay_jobs WHERE id = $1 FOR UPDATE', [id])
        if (job === undefined || !from.includes(job.state)) return null
        await tx.query(
          `UPDATE worker.replay_jobs SET state = $2, owner = NULL, lease_until = NULL, finished_at = CASE WHEN $2 = 'cancelled' THEN now() END
            WHERE id = $1`,
          [id, to],
        )
        await audit(tx, id, action, act)
        return job.state
      }),
    unclaimed: (id, after, limit) => {
      const { reason, id: last } = after ?? { reason: '', id: '0' }
      return sql.query<UnclaimedIntent>(unclaimedStatement, [id, reason, last, limit])
    },
    cancelIntents: (ids) =>
      database.transaction(async (tx) => {
        const seen = await tx.query<{ id: string; state: 'pending'; claims: number }>(
          `SELECT id, state, claims FROM worker.intents WHERE id = ANY ($1::bigint[]) AND state = 'pending' ORDER BY id FOR UPDATE SKIP LOCKED`,
          [sqlArray(ids, (id) => id)],
        )
        return seen.length === 0 ? 0 : (await changeIntents(tx, 'cancel', seen, record)).length
      }),
  }
}

// In the order of `intents_of_replay`, so that a page begins where the one before it ended. No row is greater than one whose reason is NULL, so
// that those without a reason, which come last, have a branch of their own.
const unclaimedStatement = `
SELECT id, reason FROM (
  (SELECT id, reason FROM worker.intents
    WHERE replay_job = $1 AND state = 'pending' AND (reason, id) > ($2::text, $3::bigint) ORDER BY reason, id LIMIT $4)
  UNION ALL
  (SELECT id, reason FROM worker.intents
    WHERE replay_job = $1 AND state = 'pending' AND reason IS NULL AND id > CASE WHEN $2::text IS NULL THEN $3::bigint ELSE 0 END
    ORDER BY reason, id LIMIT $4)
) AS unclaimed
 ORDER BY reason, id LIMIT $4`

async function create(tx: Sql, order: ReplayOrder, act: ReplayAct): Promise<string> {
  const [row] = await tx.query<{ id: string }>(
    `INSERT INTO worker.replay_jobs
       (group_name, topic, topic_id, filter, allow_older, event_rate, send_rate, cap, plan, confirmed, requested_by, reason)
     VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9::jsonb, $10, $11, $12) RETURNING id`,
    [
      order.group,
      order.topic,
      order.topicId,
      JSON.stringify(order.filter),
      order.allowOlder,
      order.eventRate,
      order.sendRate,
      order.cap,
      JSON.stringify(order.plan),
      order.confirmed,
      act.owner,
      act.because,
    ],
  )
  const id = row?.id ?? ''
  await tx.query(
    `INSERT INTO worker.replay_ranges (job_id, partition, from_offset, to_offset, next_offset)
     SELECT $1, r.partition, r.from_offset, r.to_offset, r.from_offset
       FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS r (partition, from_offset, to_offset)`,
    [
      id,
      sqlArray(order.ranges, ({ partition }) => partition),
      sqlArray(order.ranges, ({ from }) => from),
      sqlArray(order.ranges, ({ to }) => to),
    ],
  )
  await audit(tx, id, 'ordered', act)
  return id
}

async function audit(tx: Sql, id: string, action: string, { owner, because }: ReplayAct): Promise<void> {
  await tx.query('INSERT INTO worker.replay_audit (job_id, action, who, reason) VALUES ($1, $2, $3, $4)', [id, action, owner, because])
}

type Row = Omit<ReplayView, 'ranges' | 'confirmed' | 'released'> & {
  readonly confirmed: string
  readonly released: string
  readonly ranges: readonly { readonly partition: number; readonly from: string; readonly to: string; readonly next: string }[] | null
}

/** Offsets travel as text: a number of JSON may lose some of their digits. */
async function read(sql: Sql, which: string, parameters: readonly unknown[]): Promise<readonly ReplayView[]> {
  const rows = await sql.query<Row>(
    `SELECT id, group_name AS "group", topic, topic_id AS "topicId", filter, allow_older AS "allowOlder", event_rate AS "eventRate",
            send_rate AS "sendRate", cap, plan, confirmed, requested_by AS owner, reason AS because, state, detail, owner AS process, counts, released,
            created_at AS "createdAt", started_at AS "startedAt", read_at AS "readAt", finished_at AS "finishedAt",
            (SELECT json_agg(json_build_object('partition', r.partition, 'from', r.from_offset::text, 'to', r.to_offset::text, 'next', r.next_offset::text)
                             ORDER BY r.partition)
               FROM worker.replay_ranges AS r WHERE r.job_id = j.id) AS ranges
       FROM worker.replay_jobs AS j ${which}`,
    parameters,
  )
  return rows.map((row) => ({
    ...row,
    confirmed: Number(row.confirmed),
    released: Number(row.released),
    ranges: (row.ranges ?? []).map(({ partition, from, to, next }): ReplayRange => ({
      partition,
      from: BigInt(from),
      to: BigInt(to),
      next: BigInt(next),
    })),
  }))
}
