import type { Claim, Intent, IntentClass } from '../../delivery/intent.ts'
import type { ClaimRequest } from '../../delivery/intent-store.ts'
import type { Sql } from '../../std/sql.ts'
import { intentColumns, intentOf, type IntentRow } from './intent-row.ts'
import { goesBack, untouched } from './coalesced.ts'

const usualOrder: readonly IntentClass[] = ['live', 'broadcast', 'replay']

/**
 * Claims up to `limit` due intents for `owner`, oldest due first within a class, in one statement.
 *
 * Each class is a limited walk of its own along `intents_due`, and only as long as the classes before it left room: sorting
 * all classes together would read every due row. Two claimers never wait for each other and never share a row.
 */
export async function claim(sql: Sql, request: ClaimRequest): Promise<readonly Intent[]> {
  const order = [request.first, ...usualOrder.filter((name) => name !== request.first)]
  const rows = await sql.query<IntentRow>(claimStatement, [
    request.group,
    request.channel,
    request.kinds.map(({ kind, version }) => `${kind}/${version}`),
    request.limit,
    request.owner,
    request.leaseMs,
    order,
  ])
  return rows.map(intentOf)
}

/** Gives claims back; a coalesced one that has a newer pending one beside it is dropped instead. Claims that are lost are left alone. */
export async function release(sql: Sql, claims: readonly Claim[]): Promise<void> {
  if (claims.length === 0) return
  await sql.query(releaseStatement, [
    claims.map((claim) => claim.id),
    claims.map((claim) => claim.owner),
    claims.map((claim) => claim.claims),
  ])
}

const walk = (position: number, before: readonly string[]) => `
  SELECT id FROM worker.intents
   WHERE group_name = $1 AND channel = $2 AND class = ($7::text[])[${position}]
     AND state IN ('pending', 'ambiguous') AND due_at <= now()
     AND kind || '/' || version = ANY ($3::text[])
   ORDER BY due_at, id
   LIMIT $4::int - ${before.length === 0 ? '0' : `(SELECT count(*) FROM (${before.map((name) => `SELECT FROM ${name}`).join(' UNION ALL ')}) AS taken)`}
     FOR UPDATE SKIP LOCKED`

// The ids reach the UPDATE as an array, so that it goes by the primary key whatever the planner thinks of the sizes.
const claimStatement = `
WITH first AS MATERIALIZED (${walk(1, [])}),
second AS MATERIALIZED (${walk(2, ['first'])}),
third AS MATERIALIZED (${walk(3, ['first', 'second'])}),
claimed AS (
  UPDATE worker.intents
     SET state = 'claimed', owner = $5, claims = claims + 1, lease_until = clock_timestamp() + $6 * interval '1 millisecond'
   WHERE id = ANY (ARRAY(SELECT id FROM first UNION ALL SELECT id FROM second UNION ALL SELECT id FROM third))
  RETURNING ${intentColumns}, due_at
)
SELECT * FROM claimed ORDER BY array_position($7::text[], class), due_at, id`

const releaseStatement = `
WITH ours AS MATERIALIZED (
  SELECT i.id, i.coalesce
    FROM unnest($1::bigint[], $2::text[], $3::int[]) AS c (id, owner, claims)
    JOIN worker.intents AS i ON i.id = c.id AND i.owner = c.owner AND i.claims = c.claims AND i.state = 'claimed'
     FOR UPDATE OF i
),
given_back AS (
  UPDATE worker.intents
     SET state = 'pending', due_at = now(), owner = NULL, lease_until = NULL
   WHERE id = ANY (ARRAY(SELECT id FROM ours WHERE NOT coalesce))
),
${goesBack('SELECT id FROM ours WHERE coalesce', untouched)}
SELECT`
