import type { Frozen, Intent } from '../../delivery/intent.ts'
import type { Ledger, LedgerStart, StartRequest } from '../../delivery/intent-store.ts'
import type { Sql } from '../../std/sql.ts'
import type { Database } from './database.ts'

export interface StartItem {
  readonly request: StartRequest
  readonly frozen: Frozen
}

/** Starts many in one transaction: proves each claim, counts the attempt, freezes, renews the lease, then writes the ledgers. */
export async function startBatch(items: readonly StartItem[], tx: Sql): Promise<readonly ('started' | 'lost')[]> {
  const rows = await tx.query<{ id: string }>(startStatement, [
    items.map(({ request }) => request.intent.id),
    items.map(({ request }) => request.intent.claim.owner),
    items.map(({ request }) => request.intent.claim.claims),
    items.map(({ request }) => request.state),
    items.map(({ request }) => request.leaseMs),
    // What was frozen before is on the row already and stays.
    items.map(({ request, frozen }) => (request.intent.frozen ? null : JSON.stringify(frozen.envelope))),
    items.map(({ request, frozen }) => (request.intent.frozen ? null : Buffer.from(frozen.body))),
  ])
  const started = new Set(rows.map(({ id }) => id))
  const rowsOf = new Map<Ledger, LedgerStart[]>()
  for (const { request, frozen } of items) {
    if (request.ledger === null || !started.has(request.intent.id)) continue
    const entry = { intent: request.intent, frozen }
    const rows = rowsOf.get(request.ledger)
    if (rows) rows.push(entry)
    else rowsOf.set(request.ledger, [entry])
  }
  for (const [ledger, rows] of rowsOf) await ledger.started(rows, tx)
  return items.map(({ request }) => (started.has(request.intent.id) ? 'started' : 'lost'))
}

/** One start in a transaction of its own; the row is locked and the claim proved before `work` runs, and null from it leaves no trace. */
export async function startWith(
  database: Database,
  request: StartRequest,
  work: (tx: Sql) => Promise<Frozen | null>,
): Promise<'started' | 'refused' | 'lost'> {
  const refused = new Refused()
  try {
    return await database.transaction(async (tx) => {
      if (!(await lockClaim(request.intent, tx))) return 'lost'
      const frozen = await work(tx)
      if (frozen === null) throw refused
      const [result] = await startBatch([{ request, frozen }], tx)
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

const startStatement = `
UPDATE worker.intents AS i
   SET state = s.state,
       attempt = i.attempt + 1,
       lease_until = clock_timestamp() + s.lease_ms * interval '1 millisecond',
       envelope = coalesce(i.envelope, s.envelope),
       body = coalesce(i.body, s.body)
  FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::float8[], $6::jsonb[], $7::bytea[])
    AS s (id, owner, claims, state, lease_ms, envelope, body)
 WHERE i.id = s.id AND i.owner = s.owner AND i.claims = s.claims AND i.state = 'claimed' AND i.lease_until > now()
RETURNING i.id`
