import type { ReplayClaim, ReplayJob, ReplayJobs, ReplayTurn } from '../../../ingest/replay-job.ts'
import { nextRelease } from '../../../model/replay-ramp.ts'
import { REPLAY_WAITING, type ReplayFilter } from '../../../model/replay.ts'
import type { Database, Sql } from '../../../std/sql.ts'
import { isActivePause } from '../intents/paused-intents.ts'

/** The replays in `worker.replay_jobs`, for the daemon that does them. */
export function createReplayJobs(database: Database): ReplayJobs {
  const { sql } = database
  return {
    claim: (groups, owner, leaseMs) => database.transaction((tx) => claim(tx, groups, owner, leaseMs)),
    turn: (job, leaseMs) => database.transaction((tx) => turn(tx, job, leaseMs)),
    async wasRead(of) {
      await sql.query(`UPDATE worker.replay_jobs AS j SET read_at = coalesce(read_at, now()) WHERE ${isOurs}`, claimOf(of))
    },
    fail: (of, sentence) =>
      database.transaction(async (tx) => {
        const rows = await tx.query(
          `UPDATE worker.replay_jobs AS j SET state = 'failed', detail = $4, finished_at = now(), owner = NULL, lease_until = NULL
            WHERE ${isOurs} RETURNING id`,
          [...claimOf(of), sentence],
        )
        if (rows.length > 0) await audit(tx, of.id, 'failed', of.owner, sentence)
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
  const [row] = await tx.query<JobRow>(
    `WITH next AS MATERIALIZED (
       SELECT j.id, j.started_at IS NULL AS is_first FROM worker.replay_jobs AS j
        WHERE j.group_name = ANY ($1::text[]) AND (j.state = 'queued' OR j.state = 'running' AND (j.owner IS NULL OR j.lease_until < now()))
          AND NOT EXISTS (SELECT FROM worker.replay_jobs AS e WHERE e.group_name = j.group_name AND e.state IN ('queued', 'running') AND e.id < j.id)
        ORDER BY j.id LIMIT 1
          FOR UPDATE SKIP LOCKED)
     UPDATE worker.replay_jobs AS j
        SET state = 'running', owner = $2, claims = j.claims + 1, lease_until = clock_timestamp() + $3 * interval '1 millisecond',
            started_at = coalesce(j.started_at, now())
       FROM next WHERE j.id = next.id
     RETURNING j.id, j.group_name, j.topic, j.topic_id, j.filter, j.allow_older, j.event_rate, j.send_rate, j.cap, j.claims, next.is_first`,
    [groups, owner, leaseMs],
  )
  if (row === undefined) return null
  await audit(tx, row.id, row.is_first ? 'started' : 'continued', owner, null)
  const ranges = await tx.query<{ partition: number; from_offset: string; to_offset: string; next_offset: string }>(
    'SELECT partition, from_offset, to_offset, next_offset FROM worker.replay_ranges WHERE job_id = $1 ORDER BY partition',
    [row.id],
  )
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
    ranges: ranges.map((range) => ({
      partition: range.partition,
      from: BigInt(range.from_offset),
      to: BigInt(range.to_offset),
      next: BigInt(range.next_offset),
    })),
    claim: { id: row.id, owner, claims: row.claims },
  }
}

async function turn(tx: Sql, job: ReplayJob, leaseMs: number): Promise<ReplayTurn> {
  const [row] = await tx.query<{ released: string; is_read: boolean }>(
    `UPDATE worker.replay_jobs AS j SET lease_until = clock_timestamp() + $4 * interval '1 millisecond'
      WHERE ${isOurs} RETURNING released, read_at IS NOT NULL AS is_read`,
    [...claimOf(job.claim), leaseMs],
  )
  if (row === undefined) return { is: 'lost' }
  const limit = nextRelease(Number(row.released), job.sendRate)
  const [end] = await tx.query<{ released: number; left: boolean }>(releaseStatement, [job.id, limit])
  const released = end?.released ?? 0
  if (released > 0) await tx.query('UPDATE worker.replay_jobs SET released = released + $2 WHERE id = $1', [job.id, released])
  const left = !row.is_read || end?.left === true
  if (!left) {
    await tx.query(`UPDATE worker.replay_jobs SET state = 'done', finished_at = now(), owner = NULL, lease_until = NULL WHERE id = $1`, [
      job.id,
    ])
    await audit(tx, job.id, 'done', job.claim.owner, null)
  }
  return { is: 'turned', released, left }
}

// One more is looked for than is released: whether any is left. Rows that an operator changes at the moment are left to the next turn, and so
// are those of a paused channel: released meanwhile, all would be sent at once when it is resumed.
const releaseStatement = `
WITH waiting AS MATERIALIZED (
  SELECT id FROM worker.intents WHERE replay_job = $1 AND reason = '${REPLAY_WAITING}' ORDER BY id LIMIT $2::int + 1
),
next AS MATERIALIZED (
  SELECT i.id FROM worker.intents AS i WHERE i.id IN (SELECT id FROM waiting ORDER BY id LIMIT $2) AND i.state = 'pending'
     AND NOT EXISTS (SELECT FROM worker.pauses AS p
                      WHERE p.scope = 'channel' AND p.target = i.channel AND (p.group_name IS NULL OR p.group_name = i.group_name) AND ${isActivePause})
     FOR UPDATE SKIP LOCKED
),
due AS (
  UPDATE worker.intents SET due_at = now(), reason = NULL, waiting_since = NULL WHERE id = ANY (ARRAY(SELECT id FROM next)) RETURNING id
)
SELECT (SELECT count(*)::int FROM due) AS released, (SELECT count(*) FROM waiting) > (SELECT count(*) FROM due) AS "left"`

async function audit(tx: Sql, job: string, action: string, who: string, reason: string | null): Promise<void> {
  await tx.query('INSERT INTO worker.replay_audit (job_id, action, who, reason) VALUES ($1, $2, $3, $4)', [job, action, who, reason])
}
