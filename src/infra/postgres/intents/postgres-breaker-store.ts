import type { AbandonRequest, BreakerChange } from '../../../delivery/breaker-history.ts'
import type { Intent } from '../../../model/intent.ts'
import type { Sql, Database } from '../../../std/sql.ts'
import { intentColumns, intentOf, type IntentRow } from './intent-row.ts'
import { isDeferred } from './deferred.ts'
import { isActivePause } from './paused-intents.ts'
import { deliveryLogSql, oncePerLog } from '../delivery-logs/delivery-logs.ts'
import { sqlArray } from '../../../std/sql-array.ts'

/**
 * After so long without a failure on record a destination may have been available meanwhile, so its outage starts again: an open breaker
 * is probed at least once an hour while anything waits for it. Older entries are ignored.
 */
const GAP = `interval '3 hours'`
/** The most destinations with an open breaker that a process reads. */
const MOST_OPEN = 10_000

/** Records changes of breakers, and returns the destinations that are on record as unavailable. */
export async function recordBreakers(sql: Sql, changes: readonly BreakerChange[]): Promise<readonly BreakerChange['of'][]> {
  if (changes.length > 0) {
    await sql.query(recordStatement, [
      sqlArray(changes, ({ of }) => of.channel),
      sqlArray(changes, ({ of }) => of.destination),
      sqlArray(changes, ({ state }) => state),
      sqlArray(changes, ({ reason }) => reason),
      sqlArray(changes, ({ agoMs }) => agoMs),
    ])
  }
  return sql.query<BreakerChange['of']>(`SELECT channel, destination FROM worker.breakers ORDER BY failed_at DESC LIMIT ${MOST_OPEN}`)
}

/**
 * Scheme, host and port of the URLs of endpoints, by id; ids that are not in `webhooks` are left out. Never the rest of a URL: paths and
 * queries hold tokens.
 */
export async function endpointOrigins(sql: Sql, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const uuids = ids.filter((id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
  if (uuids.length === 0) return new Map()
  const rows = await sql.query<{ id: string; url: string }>('SELECT id::text, url FROM platform.webhooks WHERE id = ANY ($1::uuid[])', [
    uuids,
  ])
  return new Map(rows.map(({ id, url }) => [id, originOf(url) ?? 'an address that cannot be used']))
}

function originOf(url: string): string | null {
  const parsed = URL.parse(url)
  return parsed?.protocol === 'http:' || parsed?.protocol === 'https:' ? parsed.origin : null
}

/**
 * Gives up one batch of what is deferred for destinations that were unavailable for at least `request.awayMs` and failed once more after
 * the intent was deferred. A destination that answers meanwhile is not affected: its entry is deleted, or locked here until the batch is
 * committed.
 */
export async function abandonDeferred(
  database: Pick<Database, 'transaction'>,
  request: AbandonRequest,
  record: (intent: Intent, tx: Sql) => Promise<void>,
): Promise<readonly Intent[]> {
  return database.transaction(async (tx) => {
    const rows = await tx.query<IntentRow>(request.deliveryLog === null ? unlogged : logged(request.deliveryLog), [
      request.group,
      request.channel,
      request.awayMs,
      request.limit,
      request.kinds.map(({ kind, version }) => `${kind}/${version}`),
    ])
    const intents = rows.map(intentOf)
    for (const intent of intents) await record(intent, tx)
    return intents
  })
}

const recordStatement = `
WITH found AS MATERIALIZED (
  SELECT channel, destination, state, reason, now() - ago_ms * interval '1 millisecond' AS at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[]) AS f (channel, destination, state, reason, ago_ms)
   ORDER BY channel, destination
),
recovered AS (
  DELETE FROM worker.breakers AS b USING found AS f
   WHERE f.state = 'closed' AND b.channel = f.channel AND b.destination = f.destination AND b.failed_at <= f.at
)
INSERT INTO worker.breakers AS b (channel, destination, reason, open_since, failed_at)
SELECT channel, destination, reason, at, at FROM found WHERE state = 'open'
ON CONFLICT (channel, destination) DO UPDATE
   SET reason = excluded.reason,
       failed_at = greatest(b.failed_at, excluded.failed_at),
       open_since = CASE WHEN b.failed_at < excluded.failed_at - ${GAP} THEN excluded.open_since ELSE b.open_since END`

const abandoning = `
WITH away AS MATERIALIZED (
  SELECT b.destination, b.failed_at FROM worker.breakers AS b
   WHERE b.channel = $2 AND b.failed_at - b.open_since >= $3::float8 * interval '1 millisecond' AND b.failed_at > now() - ${GAP}
     AND EXISTS (SELECT FROM worker.intents WHERE group_name = $1 AND channel = $2 AND destination = b.destination AND ${isDeferred})
     AND NOT EXISTS (SELECT FROM worker.pauses AS p
                      WHERE p.scope = 'destination' AND p.target = b.destination AND (p.group_name IS NULL OR p.group_name = $1) AND ${isActivePause})
   ORDER BY b.destination
     FOR SHARE OF b SKIP LOCKED
),
chosen AS MATERIALIZED (
  SELECT deferred.id FROM away
   CROSS JOIN LATERAL (
     SELECT id FROM worker.intents
      WHERE group_name = $1 AND channel = $2 AND destination = away.destination AND ${isDeferred}
        AND kind || '/' || version = ANY ($5::text[]) AND coalesce(waiting_since, created_at) < away.failed_at
      ORDER BY (class <> 'live'), id
      LIMIT $4
        FOR UPDATE SKIP LOCKED) AS deferred
   LIMIT $4
),
abandoned AS (
  UPDATE worker.intents
     SET state = 'dead', reason = 'endpoint-unavailable', owner = NULL, lease_until = NULL, finished_at = now()
   WHERE id = ANY (ARRAY(SELECT id FROM chosen))
  RETURNING *
)`
const statementOf = (more: string) => `${abandoning}${more === '' ? '' : `,${more}`} SELECT ${intentColumns} FROM abandoned ORDER BY id`
const unlogged = statementOf('')
const logged = oncePerLog((deliveryLog) => statementOf(deliveryLogSql(deliveryLog).abandoned))
