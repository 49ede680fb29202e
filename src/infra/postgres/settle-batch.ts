import type { JsonObject } from '../../delivery/intent.ts'
import type { Ledger, LedgerEnd, Settlement } from '../../delivery/intent-store.ts'
import type { Sql } from '../../std/sql.ts'
import { goesBack } from './coalesced.ts'

export interface SettleItem extends LedgerEnd {
  readonly ledger: Ledger | null
  /** Replaces the intent's data (a broadcast's cursor). */
  readonly data?: JsonObject | undefined
}

/** Ends many attempts in one transaction: proves each claim, moves the intent, then writes the ledgers of those that were ours. */
export async function settleBatch(items: readonly SettleItem[], tx: Sql): Promise<readonly ('settled' | 'lost')[]> {
  const settled = new Set<string>()
  for (const [statement, some] of [
    [settleStatement, items.filter(({ intent }) => !intent.coalesce)],
    [finishCoalesced, items.filter(({ intent, settlement }) => intent.coalesce && settlement.is === 'final')],
    [returnCoalesced, items.filter(({ intent, settlement }) => intent.coalesce && settlement.is !== 'final')],
  ] as const) {
    if (some.length === 0) continue
    for (const { id } of await tx.query<{ id: string }>(statement, parametersOf(some))) settled.add(id)
  }
  const rowsOf = new Map<Ledger, LedgerEnd[]>()
  for (const { ledger, intent, settlement, reply } of items) {
    if (ledger === null || !settled.has(intent.id)) continue
    const entry = { intent, settlement, reply }
    const rows = rowsOf.get(ledger)
    if (rows) rows.push(entry)
    else rowsOf.set(ledger, [entry])
  }
  for (const [ledger, rows] of rowsOf) await ledger.ended(rows, tx)
  return items.map(({ intent }) => (settled.has(intent.id) ? 'settled' : 'lost'))
}

function parametersOf(items: readonly SettleItem[]): unknown[] {
  const settlements = items.map(({ settlement }) => settlement)
  return [
    items.map(({ intent }) => intent.claim.id),
    items.map(({ intent }) => intent.claim.owner),
    items.map(({ intent }) => intent.claim.claims),
    settlements.map(kindOf),
    settlements.map((settlement) => (settlement.is === 'final' ? settlement.state : null)),
    settlements.map((settlement) => (settlement.is === 'moved' ? null : settlement.reason)),
    settlements.map((settlement) => ('afterMs' in settlement ? settlement.afterMs : 0)),
    settlements.map((settlement) => settlement.is === 'ambiguous' && settlement.hold),
    settlements.map((settlement) => (settlement.is === 'moved' ? settlement.channel : null)),
    items.map(({ data }) => (data === undefined ? null : JSON.stringify(data))),
  ]
}

function kindOf(settlement: Settlement): 'final' | 'waiting' | 'retry' | 'unburned' | 'ambiguous' | 'moved' {
  return settlement.is === 'later' ? settlement.as : settlement.is
}

const settlements = `
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::boolean[], $9::text[],
                       $10::jsonb[])
      AS s (id, owner, claims, kind, final_state, new_reason, after_ms, hold, new_channel, new_data)`

// A wait that goes on keeps its beginning; a wait for something else begins now.
const waitingSince = (old: string) => `CASE
  WHEN s.kind = 'moved' THEN NULL
  WHEN s.kind <> 'waiting' THEN ${old}.waiting_since
  WHEN ${old}.waiting_since IS NOT NULL AND ${old}.reason IS NOT DISTINCT FROM s.new_reason THEN ${old}.waiting_since
  ELSE now()
END`

/**
 * `ambiguous` and `held` keep owner and claims: the reply may still come, late, from the worker that waits for it, and then
 * counts, unless somebody else has claimed the intent meanwhile. Doubt about one attempt is counted once, whether its lease
 * ran out first or its worker reported it, and taken back when the late word is that nothing was handed over.
 */
const settleStatement = `
WITH s AS MATERIALIZED (${settlements})
UPDATE worker.intents AS i
   SET state = CASE
         WHEN s.kind = 'final' THEN s.final_state
         WHEN s.kind <> 'ambiguous' THEN 'pending'
         WHEN s.hold OR i.ambiguous > (i.state = 'ambiguous')::int THEN 'held'
         ELSE 'ambiguous'
       END,
       ambiguous = CASE
         WHEN s.kind = 'ambiguous' AND i.state <> 'ambiguous' THEN i.ambiguous + 1
         WHEN s.kind IN ('waiting', 'retry', 'unburned', 'moved') AND i.state = 'ambiguous' THEN i.ambiguous - 1
         ELSE i.ambiguous
       END,
       attempt = i.attempt - (s.kind = 'unburned')::int,
       reason = s.new_reason,
       due_at = CASE WHEN s.kind = 'final' THEN i.due_at ELSE now() + s.after_ms * interval '1 millisecond' END,
       waiting_since = ${waitingSince('i')},
       owner = CASE WHEN s.kind = 'ambiguous' THEN i.owner END,
       lease_until = NULL,
       channel = coalesce(s.new_channel, i.channel),
       data = coalesce(s.new_data, i.data),
       finished_at = CASE WHEN s.kind = 'final' THEN now() END
  FROM s
 WHERE i.id = s.id AND i.owner = s.owner AND i.claims = s.claims AND NOT i.coalesce
   AND (i.state IN ('claimed', 'handing_over', 'ambiguous') OR i.state = 'held' AND s.kind = 'final')
RETURNING i.id`

const ours = `i.id = s.id AND i.owner = s.owner AND i.claims = s.claims AND i.coalesce AND i.state IN ('claimed', 'handing_over', 'ambiguous')`

// Whoever asked while it ran has a pending row of its own; nothing is remembered of this one.
const finishCoalesced = `
WITH s AS MATERIALIZED (${settlements})
DELETE FROM worker.intents AS i USING s WHERE ${ours}
RETURNING i.id`

const returnCoalesced = `
WITH s AS MATERIALIZED (${settlements}),
ours AS MATERIALIZED (SELECT i.id FROM s JOIN worker.intents AS i ON ${ours} FOR UPDATE OF i),
${goesBack('SELECT id FROM ours', {
  from: 'gone JOIN s USING (id)',
  dueAt: `now() + s.after_ms * interval '1 millisecond'`,
  reason: 's.new_reason',
  waitingSince: waitingSince('gone'),
  channel: 'coalesce(s.new_channel, gone.channel)',
  data: 'coalesce(s.new_data, gone.data)',
})}
SELECT id FROM ours`
