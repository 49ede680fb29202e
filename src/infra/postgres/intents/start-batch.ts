import type { DeliveryLog } from '../../../delivery/delivery-log-table.ts'
import type { Frozen, Intent } from '../../../model/intent.ts'
import type { StartRequest, StartWithRequest } from '../../../delivery/intent-store.ts'
import type { Sql, Database } from '../../../std/sql.ts'
import { deliveryLogSql, oncePerLog } from '../delivery-logs/delivery-logs.ts'
import { expectFew } from './expect-few.ts'
import { sqlArray, sqlBytes } from '../../../std/sql-array.ts'

/** Starts many in one statement: proves each claim, counts the attempt, freezes, renews the lease, and opens the delivery log's rows of those that were ours. */
export async function startBatch(
  requests: readonly StartRequest[],
  deliveryLog: DeliveryLog | null,
  sql: Sql,
): Promise<readonly ('started' | 'lost')[]> {
  const rows = await sql.query<{ id: string }>(deliveryLog === null ? startStatement : logged(deliveryLog), [
    sqlArray(requests, ({ intent }) => intent.id),
    sqlArray(requests, ({ intent }) => intent.claim.owner),
    sqlArray(requests, ({ intent }) => intent.claim.claims),
    sqlArray(requests, ({ state }) => state),
    sqlArray(requests, ({ leaseMs }) => leaseMs),
    // What was frozen before is on the row already and stays.
    sqlArray(requests, ({ intent, frozen }) => (intent.frozen ? null : JSON.stringify(frozen.envelope))),
    sqlArray(requests, ({ intent, frozen }) => (intent.frozen || frozen.body === null ? null : sqlBytes(frozen.body))),
  ])
  const started = new Set(rows.map(({ id }) => id))
  return requests.map(({ intent }) => (started.has(intent.id) ? 'started' : 'lost'))
}

/** One start in a transaction of its own; the row is locked and the claim proved before `work` runs, and null from it leaves no trace. */
export async function startWith(
  database: Database,
  request: StartWithRequest,
  work: (tx: Sql) => Promise<Frozen | null>,
): Promise<'started' | 'refused' | 'lost'> {
  const refused = new Refused()
  try {
    return await database.transaction(async (tx) => {
      if (!(await lockClaim(request.intent, tx))) return 'lost'
      const frozen = await work(tx)
      if (frozen === null) throw refused
      const [result] = await startBatch([{ ...request, frozen }], request.deliveryLog, tx)
      return result ?? 'lost'
    })
  } catch (error) {
    if (error === refused) return 'refused'
    throw error
  }
}

/** Locks the intent's row if it is claimed, by this claim, and its lease is not over. */
export async function lockClaim({ claim }: Intent, tx: Sql): Promise<boolean> {
  const rows = await tx.query(lockStatement, [claim.id, claim.owner, claim.claims])
  return rows.length > 0
}

/** Thrown to roll back what `work` wrote before it refused. */
class Refused extends Error {}

const lockStatement = `
SELECT FROM worker.intents
 WHERE id = $1 AND owner = $2 AND claims = $3 AND state = 'claimed' AND lease_until > now()
   FOR UPDATE`

// The state stands in a CASE so that the planner does not see `intents_lease` fit: it looks cheap, and is full of dead entries.
const update = `
UPDATE worker.intents AS i
   SET state = s.state,
       attempt = i.attempt + 1,
       lease_until = clock_timestamp() + s.lease_ms * interval '1 millisecond',
       envelope = coalesce(i.envelope, s.envelope),
       body = coalesce(i.body, s.body)
  FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::float8[], $6::jsonb[], $7::bytea[])
    AS s (id, owner, claims, state, lease_ms, envelope, body)
 WHERE ${expectFew} AND i.id = s.id AND i.owner = s.owner AND i.claims = s.claims
   AND CASE WHEN i.state = 'claimed' THEN i.lease_until > now() END`

const startStatement = `${update} RETURNING i.id`

const loggedStatement = (deliveryLog: DeliveryLog) => `
WITH started AS (${update} RETURNING i.*),${deliveryLogSql(deliveryLog).started}
SELECT id FROM started`
const logged = oncePerLog(loggedStatement)
