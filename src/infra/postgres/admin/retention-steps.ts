import type { Sql } from '../../../std/sql.ts'

export type RetentionTable =
  | 'outcomes'
  | 'intents'
  | 'intent_bodies'
  | 'template_versions'
  | 'dead_letters'
  | 'position_changes'
  | 'recalculations'
  | 'reward_codes'
  | 'outbox'
  | 'replay_jobs'
  | 'pauses'

export interface RetentionBatch {
  readonly deleted: number
  /** Where the next batch continues; null: nothing is left. */
  readonly cursor: string | null
}

/** How old rows of one table are deleted, in batches. Locked rows are left to a later run. */
export interface RetentionStep {
  /** `intent_bodies`: the rows of `intents` stay, without their body. */
  readonly table: RetentionTable
  /** The window that applies: `DEDUPE_DAYS` and a day, `LEADERBOARD_HISTORY_DAYS`, or three days after publishing. */
  readonly age: 'dedupe' | 'history' | 'outbox'
  readonly begin: string | null
  batch(tx: Sql, at: { before: Date; cursor: string; limit: number }): Promise<RetentionBatch>
}

/**
 * Outcomes are deleted before intents: in between, the key of the intent alone prevents a second effect. No step touches progress,
 * suppressions, an intent that is unfinished or held, an event of the outbox that is not published, or a pause that is not over.
 */
export const retentionSteps: readonly RetentionStep[] = [
  byAge('outcomes', 'dedupe'),
  { table: 'intents', age: 'dedupe', begin: '0', batch: finishedIntents },
  { table: 'intent_bodies', age: 'dedupe', begin: '0', batch: sentBodies },
  { table: 'template_versions', age: 'dedupe', begin: '', batch: unusedTemplateVersions },
  byAge('dead_letters', 'dedupe'),
  byAge('position_changes', 'history'),
  byAge('outbox', 'outbox', 'published_at'),
  withoutCampaign('recalculations', 'committed_at'),
  withoutCampaign('reward_codes', 'at'),
  { table: 'replay_jobs', age: 'dedupe', begin: '', batch: finishedReplays },
  { table: 'pauses', age: 'dedupe', begin: '', batch: pausesOver },
]

/**
 * Along the index on the time. The cursor spares each batch the index entries of rows that earlier batches deleted. Rows are deleted by
 * ctid, which cannot change while they are locked.
 */
function byAge(
  table: 'outcomes' | 'dead_letters' | 'position_changes' | 'outbox',
  age: RetentionStep['age'],
  time: 'at' | 'published_at' = 'at',
): RetentionStep {
  const statement = `
WITH old AS MATERIALIZED (
  SELECT ctid FROM worker.${table} WHERE ${time} >= $1::timestamptz AND ${time} < $2::timestamptz ORDER BY ${time} LIMIT $3 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM worker.${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM old)) RETURNING ${time}
)
SELECT count(*)::int AS deleted, max(${time})::text AS cursor FROM gone`
  return {
    table,
    age,
    begin: '-infinity',
    batch: async (tx, { before, cursor, limit }) => {
      const [row] = await tx.query<{ deleted: number; cursor: string | null }>(statement, [cursor, before, limit])
      const deleted = row?.deleted ?? 0
      return { deleted, cursor: deleted < limit ? null : (row?.cursor ?? null) }
    },
  }
}

/**
 * Along the primary key, up to the first page with a row that was created inside the window: rows after it cannot have finished
 * before. An index on `finished_at` would be written for every intent that finishes; this reads old unfinished rows in addition,
 * which are few.
 */
async function finishedIntents(
  tx: Sql,
  { before, cursor, limit }: { before: Date; cursor: string; limit: number },
): Promise<RetentionBatch> {
  const [row] = await tx.query<{ deleted: number; last: string | null; young: boolean | null }>(finishedStatement, [cursor, before, limit])
  return { deleted: row?.deleted ?? 0, cursor: row === undefined || row.young !== false ? null : row.last }
}

const finishedStatement = `
WITH page AS MATERIALIZED (
  SELECT id, created_at, finished_at FROM worker.intents WHERE id > $1::bigint ORDER BY id LIMIT $3
),
old AS MATERIALIZED (
  SELECT id FROM worker.intents
   WHERE id = ANY (ARRAY(SELECT id FROM page WHERE finished_at < $2::timestamptz))
     AND finished_at < $2::timestamptz AND state IN ('sent', 'delivered', 'skipped', 'dead', 'rejected', 'cancelled')
     FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM worker.intents WHERE id = ANY (ARRAY(SELECT id FROM old)) RETURNING id
)
SELECT (SELECT count(*)::int FROM gone) AS deleted, max(id)::text AS last,
       count(*) < $3 OR max(created_at) >= $2::timestamptz AS young
  FROM page`

/**
 * Bodies of sent mails and webhooks of any age, which older versions kept with the row. They have an index of their own, so that this
 * costs one probe of an empty index once they are gone.
 */
async function sentBodies(tx: Sql, { cursor, limit }: { cursor: string; limit: number }): Promise<RetentionBatch> {
  const [row] = await tx.query<{ deleted: number; last: string | null }>(sentBodiesStatement, [cursor, limit])
  const deleted = row?.deleted ?? 0
  return { deleted, cursor: deleted < limit ? null : (row?.last ?? null) }
}

const sentBodiesStatement = `
WITH sent AS MATERIALIZED (
  SELECT id FROM worker.intents
   WHERE id > $1::bigint AND body IS NOT NULL AND state IN ('sent', 'delivered') ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
),
cleared AS (
  UPDATE worker.intents SET body = NULL WHERE id = ANY (ARRAY(SELECT id FROM sent)) RETURNING id
)
SELECT count(*)::int AS deleted, max(id)::text AS last FROM cleared`

/**
 * Versions that were last used before the oldest intent was created: an intent is created before it is frozen with a version. The
 * margin of two days covers the hours for which a process does not record again that it uses a version, and ids that are not in the
 * order of their times.
 */
async function unusedTemplateVersions(tx: Sql, { limit }: { limit: number }): Promise<RetentionBatch> {
  const [row] = await tx.query<{ deleted: number }>(unusedVersionsStatement, [limit])
  const deleted = row?.deleted ?? 0
  return { deleted, cursor: deleted < limit ? null : '' }
}

const unusedVersionsStatement = `
WITH unused AS MATERIALIZED (
  SELECT hash FROM worker.template_versions
   WHERE used_at < coalesce((SELECT created_at FROM worker.intents ORDER BY id LIMIT 1), now()) - interval '2 days'
   LIMIT $1 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM worker.template_versions WHERE hash = ANY (ARRAY(SELECT hash FROM unused)) RETURNING 1
)
SELECT count(*)::int AS deleted FROM gone`

/** Replays that ended long ago and have no intents any more, with their ranges and audit. They are few, because operators order them. */
async function finishedReplays(tx: Sql, { before, limit }: { before: Date; limit: number }): Promise<RetentionBatch> {
  const [row] = await tx.query<{ deleted: number }>(finishedReplaysStatement, [before, limit])
  const deleted = row?.deleted ?? 0
  return { deleted, cursor: deleted < limit ? null : '' }
}

const finishedReplaysStatement = `
WITH old AS MATERIALIZED (
  SELECT j.id FROM worker.replay_jobs AS j
   WHERE j.state IN ('done', 'cancelled', 'failed') AND j.finished_at < $1::timestamptz
     AND NOT EXISTS (SELECT FROM worker.intents AS i WHERE i.replay_job = j.id)
   LIMIT $2 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM worker.replay_jobs WHERE id = ANY (ARRAY(SELECT id FROM old)) RETURNING 1
)
SELECT count(*)::int AS deleted FROM gone`

/**
 * Old rows of campaigns whose row was deleted, not merely marked as deleted. The age keeps the codes of a campaign reserved that was
 * deleted by mistake and is restored from a backup. The recursion jumps from one campaign to the next along the key, so that a campaign
 * with a million codes costs one probe.
 */
function withoutCampaign(table: 'recalculations' | 'reward_codes', time: 'committed_at' | 'at'): RetentionStep {
  const next = (after: string) => `(SELECT campaign_id FROM worker.${table} ${after} ORDER BY campaign_id LIMIT 1)`
  const statement = `
WITH RECURSIVE distinct_campaigns (campaign_id) AS (
  ${next('')}
  UNION ALL
  SELECT ${next('AS t WHERE t.campaign_id > c.campaign_id')} FROM distinct_campaigns AS c WHERE c.campaign_id IS NOT NULL
),
orphans AS MATERIALIZED (
  SELECT campaign_id FROM distinct_campaigns AS d
   WHERE campaign_id IS NOT NULL AND NOT EXISTS (SELECT FROM platform.campaigns AS c WHERE c.id = d.campaign_id)
),
old AS MATERIALIZED (
  SELECT t.ctid FROM worker.${table} AS t WHERE t.campaign_id = ANY (ARRAY(SELECT campaign_id FROM orphans)) AND t.${time} < $1::timestamptz
   LIMIT $2 FOR UPDATE SKIP LOCKED
),
gone AS (
  DELETE FROM worker.${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM old)) RETURNING 1
)
SELECT count(*)::int AS deleted FROM gone`
  return {
    table,
    age: 'dedupe',
    begin: '',
    batch: async (tx, { before, cursor, limit }) => {
      const [row] = await tx.query<{ deleted: number }>(statement, [before, limit])
      const deleted = row?.deleted ?? 0
      return { deleted, cursor: deleted < limit ? null : cursor }
    },
  }
}

/** Pauses that were ended, or ended by themselves, before the window. Without a lock: the role of a daemon may not change pauses. */
async function pausesOver(tx: Sql, { before, limit }: { before: Date; limit: number }): Promise<RetentionBatch> {
  const [row] = await tx.query<{ deleted: number }>(pausesOverStatement, [before, limit])
  const deleted = row?.deleted ?? 0
  return { deleted, cursor: deleted < limit ? null : '' }
}

const pausesOverStatement = `
WITH gone AS (
  DELETE FROM worker.pauses
   WHERE id = ANY (ARRAY(SELECT id FROM worker.pauses WHERE coalesce(ended_at, ends_at) < $1::timestamptz ORDER BY id LIMIT $2))
     AND coalesce(ended_at, ends_at) < $1::timestamptz
  RETURNING 1
)
SELECT count(*)::int AS deleted FROM gone`
