import type { ReplayClaim, ReplayJob, ReplayJobs, ReplayLoss, ReplayRange, ReplayTurn } from '../../../ingest/replay-job.ts'
import { nextRelease } from '../../../model/replay-ramp.ts'
import { REPLAY_WAITING, sumCounts, type ReplayCount, type ReplayFilter } from '../../../model/replay.ts'
import { lossCount, lossSentences } from '../../../model/unread-offsets.ts'
import type { Database, Sql } from '../../../std/sql.ts'
import { isActivePause } from '../intents/paused-intents.ts'

/** The replays in `worker.replay_jobs`, for the daemon that does them. */
export function createReplayJobs(database: Database): ReplayJobs {
  const { sql } = database
  return {
    claim: (groups, owner, leaseMs) => database.transaction((tx) => claim(tx, groups, owner, leaseMs)),
    turn: (job, leaseMs) => database.transaction((tx) => turn(tx, job, leaseMs)),
    ranges: async (of) => {
      const rows = await sql.query(`SELECT FROM worker.replay_jobs AS j WHERE ${isOurs}`, claimOf(of))
      return rows.length === 0 ? null : rangesOf(sql, of.id)
    },
    lost: (of, losses) => database.transaction((tx) => lost(tx, of, losses)),
    wasRead: (of) =>
      database.transaction(async (tx) => {
        const [job] = await tx.query<Counted>(
          `UPDATE worker.replay_jobs AS j SET read_at = coalesce(read_at, now()) WHERE ${isOurs} RETURNING counts`,
          claimOf(of),
        )
        if (job !== undefined) await auditLosses(tx, of, job.counts)
      }),
    fail: (of, sentence) =>
      database.transaction(async (tx) => {
        const [job] = await tx.query<Counted>(
          `UPDATE worker.replay_jobs AS j
              SET state = 'failed', detail = concat_ws(' ', $4::text, detail), finished_at = now(), owner = NULL, lease_until = NULL
            WHERE ${isOurs} RETURNING counts`,
          [...claimOf(of), sentence],
        )
        if (job === undefined) return
        await auditLosses(tx, of, job.counts)
        await audit(tx, of.id, 'failed', of.owner, sentence)
      }),
    async release(of) {
      await sql.query(`UPDATE worker.replay_jobs AS j SET owner = NULL, lease_until = NULL WHERE ${isOurs}`, claimOf(of))
    },
  }
}

/** The claim of a running job, as parameters $1 to $3 say. */
const isOurs = `j.id = $1 AND j.owner = $2 AND j.claims = $3 AND j.state = 'running'`

function claimOf({ id, owner, claims }: ReplayClaim): readonly unknown[] {
  return [id, owner, claims]
}

interface Counted {
  readonly counts: readonly ReplayCount[]
}

interface JobRow {
  readonly id: string
  readonly group_name: string
  readonly topic: string
  readonly topic_id: string | null
  readonly filter: ReplayFilter
  readonly allow_older: boolean
  readonly event_rate: number
  readonly send_rate: number
  readonly cap: number
  readonly claims: number
  readonly is_first: boolean
}

/** Jobs of one group take turns in the order of their ids, whichever process does them. */
async function claim(tx: Sql, groups: readonly string[], owner: string, leaseMs: number): Promise<ReplayJob | null> {
  const locked = await tx.query<{ group_name: string }>(lockStatement, [groups])
  if (locked.length === 0) return null
  const [row] = await tx.query<JobRow>(
    `WITH next AS MATERIALIZED (
       SELECT j.id, j.started_at IS NULL AS is_first FROM worker.replay_jobs AS j
        WHERE j.group_name = ANY ($1::text[]) AND (j.state = 'queued' OR j.state = 'running' AND (j.owner IS NULL OR j.lease_until < now()))
          AND NOT EXISTS (SELECT FROM worker.replay_jobs AS e WHERE e.group_name = j.group_name AND e.state IN ('queued', 'running') AND e.id < j.id)
          AND NOT EXISTS (SELECT FROM worker.replay_jobs AS o
                           WHERE o.group_name = j.group_name AND o.id <> j.id AND o.state = 'running' AND o.owner IS NOT NULL AND o.lease_until >= now())
        ORDER BY j.id LIMIT 1
          FOR UPDATE SKIP LOCKED)
     UPDATE worker.replay_jobs AS j
        SET state = 'running', owner = $2, claims = j.claims + 1, lease_until = clock_timestamp() + $3 * interval '1 millisecond',
            started_at = coalesce(j.started_at, now())
       FROM next WHERE j.id = next.id
     RETURNING j.id, j.group_name, j.topic, j.topic_id, j.filter, j.allow_older, j.event_rate, j.send_rate, j.cap, j.claims, next.is_first`,
    [locked.map(({ group_name }) => group_name), owner, leaseMs],
  )
  if (row === undefined) return null
  await tx.query(
    `UPDATE worker.replay_jobs SET owner = NULL, lease_until = NULL WHERE group_name = $1 AND id <> $2 AND state = 'running' AND owner IS NOT NULL`,
    [row.group_name, row.id],
  )
  if (row.is_first) await audit(tx, row.id, 'started', owner, null)
  else await tx.query(continuedStatement, [row.id, owner])
  return {
    id: row.id,
    group: row.group_name,
    topic: row.topic,
    topicId: row.topic_id,
    filter: row.filter,
    allowOlder: row.allow_older,
    eventRate: row.event_rate,
    sendRate: row.send_rate,
    cap: row.cap,
    ranges: await rangesOf(tx, row.id),
    claim: { id: row.id, owner, claims: row.claims },
  }
}

async function rangesOf(sql: Sql, job: string): Promise<readonly ReplayRange[]> {
  const rows = await sql.query<{ partition: number; from_offset: string; to_offset: string; next_offset: string }>(
    'SELECT partition, from_offset, to_offset, next_offset FROM worker.replay_ranges WHERE job_id = $1 ORDER BY partition',
    [job],
  )
  return rows.map(({ partition, from_offset, to_offset, next_offset }) => ({
    partition,
    from: BigInt(from_offset),
    to: BigInt(to_offset),
    next: BigInt(next_offset),
  }))
}

async function turn(tx: Sql, job: ReplayJob, leaseMs: number): Promise<ReplayTurn> {
  const [row] = await tx.query<{ released: string; is_read: boolean }>(
    `UPDATE worker.replay_jobs AS j SET lease_until = clock_timestamp() + $4 * interval '1 millisecond'
      WHERE ${isOurs} RETURNING released, read_at IS NOT NULL AS is_read`,
    [...claimOf(job.claim), leaseMs],
  )
  if (row === undefined) return { is: 'lost' }
  const limit = nextRelease(Number(row.released), job.sendRate)
  const [end] = await tx.query<{ released: number; left: boolean }>(releaseStatement, [job.id, limit, job.group])
  const released = end?.released ?? 0
  if (released > 0) await tx.query('UPDATE worker.replay_jobs SET released = released + $2 WHERE id = $1', [job.id, released])
  const left = !row.is_read || end?.left === true
  if (!left) {
    await tx.query(`UPDATE worker.replay_jobs SET state = 'done', finished_at = now(), owner = NULL, lease_until = NULL WHERE id = $1`, [
      job.id,
    ])
    await audit(tx, job.id, 'done', job.claim.owner, null)
  }
  return { is: 'turned', released, left, isRead: row.is_read }
}

async function lost(tx: Sql, of: ReplayClaim, losses: readonly ReplayLoss[]): Promise<void> {
  const [job] = await tx.query<Counted>(`SELECT j.counts FROM worker.replay_jobs AS j WHERE ${isOurs} FOR UPDATE`, claimOf(of))
  if (job === undefined) return
  const taken: ReplayCount[] = []
  for (const loss of losses) {
    const rows = await tx.query(
      `UPDATE worker.replay_ranges
          SET next_offset = CASE WHEN next_offset = $3 THEN $4 ELSE next_offset END,
              to_offset = CASE WHEN next_offset = $3 THEN to_offset ELSE $3 END
        WHERE job_id = $1 AND partition = $2 AND (next_offset = $3 AND to_offset >= $4 OR next_offset < $3 AND to_offset = $4)
        RETURNING partition`,
      [of.id, loss.partition, loss.from, loss.to],
    )
    if (rows.length > 0) taken.push(lossCount(loss))
  }
  if (taken.length === 0) return
  const counts = sumCounts(job.counts, taken)
  await tx.query('UPDATE worker.replay_jobs SET counts = $2::jsonb, detail = $3 WHERE id = $1', [
    of.id,
    JSON.stringify(counts),
    lossSentences(counts).join(' '),
  ])
  const known = new Set(job.counts.filter(({ what }) => what === 'unread').map((one) => one.of))
  await auditLosses(
    tx,
    of,
    sumCounts(taken).filter((one) => !known.has(one.of)),
  )
}

/** One line for each partition, unless the audit has it. */
async function auditLosses(tx: Sql, { id, owner }: ReplayClaim, counts: readonly ReplayCount[]): Promise<void> {
  for (const sentence of lossSentences(counts)) {
    await tx.query(
      `INSERT INTO worker.replay_audit (job_id, action, who, reason)
       SELECT $1, 'lost', $2, $3::text WHERE NOT EXISTS (SELECT FROM worker.replay_audit WHERE job_id = $1 AND action = 'lost' AND reason = $3::text)`,
      [id, owner, sentence],
    )
  }
}

// Claims of one group come one after another, so that each sees which job the one before it took: the statement after this one has a snapshot of its
// own. Groups without a job to do are not locked. In the order of the locks, against deadlocks.
const lockStatement = `
SELECT group_name, pg_advisory_xact_lock(key) AS lock
  FROM (SELECT DISTINCT group_name, hashtextextended('kafka-worker:replays:' || group_name, 0) AS key
          FROM worker.replay_jobs WHERE group_name = ANY ($1::text[]) AND state IN ('queued', 'running')
         ORDER BY key) AS groups`

// Each channel has a room of its own, and one without room, or paused, is left out before any row is read: its rows, however many, neither stand
// before those of others nor cost anything. Room is short by what is due and was not claimed: released meanwhile, all would be sent at once when
// the relay is back. Rows that an operator changes at the moment are left to the next turn. The channel as a range keeps the planner from walking
// the primary key, where those of another channel stand first.
const releaseStatement = `
WITH RECURSIVE channels (channel) AS (
  (SELECT channel FROM worker.intents WHERE replay_job = $1 AND reason = '${REPLAY_WAITING}' ORDER BY channel LIMIT 1)
  UNION ALL
  SELECT (SELECT i.channel FROM worker.intents AS i
           WHERE i.replay_job = $1 AND i.reason = '${REPLAY_WAITING}' AND i.channel > c.channel ORDER BY i.channel LIMIT 1)
    FROM channels AS c WHERE c.channel IS NOT NULL
),
room AS MATERIALIZED (
  SELECT c.channel, $2::int - (SELECT count(*) FROM (
           SELECT FROM worker.intents AS d
            WHERE d.group_name = $3 AND d.channel = c.channel AND d.class = 'replay' AND d.state IN ('pending', 'ambiguous') AND d.due_at <= now()
            LIMIT $2) AS due) AS count
    FROM channels AS c
   WHERE c.channel IS NOT NULL
     AND NOT EXISTS (SELECT FROM worker.pauses AS p
                      WHERE p.scope = 'channel' AND p.target = c.channel AND (p.group_name IS NULL OR p.group_name = $3) AND ${isActivePause})
),
waiting AS MATERIALIZED (
  SELECT w.id FROM room
   CROSS JOIN LATERAL (
     SELECT id FROM worker.intents
      WHERE replay_job = $1 AND reason = '${REPLAY_WAITING}' AND channel BETWEEN room.channel AND room.channel
      ORDER BY channel, id LIMIT room.count) AS w
   ORDER BY w.id LIMIT $2
),
next AS MATERIALIZED (
  SELECT id FROM worker.intents WHERE id = ANY (ARRAY(SELECT id FROM waiting)) AND state = 'pending' FOR UPDATE SKIP LOCKED
),
due AS (
  UPDATE worker.intents SET due_at = now(), reason = NULL, waiting_since = NULL WHERE id = ANY (ARRAY(SELECT id FROM next)) RETURNING id
)
SELECT (SELECT count(*)::int FROM due) AS released,
       EXISTS (SELECT FROM worker.intents
                WHERE replay_job = $1 AND reason = '${REPLAY_WAITING}' AND id <> ALL (ARRAY(SELECT id FROM due))) AS "left"`

// A process that continues the same job time and again, because the topic cannot be read, say, is one line.
const continuedStatement = `
INSERT INTO worker.replay_audit (job_id, action, who)
SELECT $1, 'continued', $2
 WHERE NOT EXISTS (SELECT FROM (SELECT action, who FROM worker.replay_audit WHERE job_id = $1 ORDER BY id DESC LIMIT 1) AS last
                    WHERE last.action = 'continued' AND last.who = $2)`

async function audit(tx: Sql, job: string, action: string, who: string, reason: string | null): Promise<void> {
  await tx.query('INSERT INTO worker.replay_audit (job_id, action, who, reason) VALUES ($1, $2, $3, $4)', [job, action, who, reason])
}
