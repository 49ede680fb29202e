import type { Intent } from '../../../src/model/intent.ts'
import type { DeliveryLog } from '../../../src/delivery/delivery-log-table.ts'
import type { ClaimRequest, IntentStore } from '../../../src/delivery/intent-store.ts'
import type { Sql } from '../../../src/std/sql.ts'

export const campaignId = '00000000-0000-4000-8000-00000000000a'

/** A row of `worker.intents` as tests look at it. */
export interface Row {
  readonly id: string
  readonly key: string
  readonly channel: string
  readonly class: string
  readonly state: string
  readonly reason: string | null
  readonly detail: string | null
  readonly owner: string | null
  readonly claims: number
  readonly attempt: number
  readonly ambiguous: number
  readonly data: object
  readonly envelope: object | null
  readonly body: Buffer | null
  readonly waiting_since: Date | null
  readonly destination: string | null
  readonly due_at: Date
  readonly lease_until: Date | null
  readonly finished_at: Date | null
  readonly event_id: string | null
  readonly event_at: Date | null
  readonly created_at: Date
}

/** Inserts intents, each from the columns it names; the rest is a live mail of group `mailers` that is due now. */
export async function insertIntents(sql: Sql, ...rows: readonly Record<string, unknown>[]): Promise<void> {
  for (const [index, row] of rows.entries()) {
    const full = {
      group_name: 'mailers',
      kind: 'mail',
      version: 1,
      channel: 'email',
      key: `key-${index}`,
      campaign_id: campaignId,
      ...row,
    }
    const columns = Object.keys(full)
    await sql.query(
      `INSERT INTO worker.intents (${columns.join(', ')}) VALUES (${columns.map((_, position) => `$${position + 1}`).join(', ')})`,
      Object.values(full),
    )
  }
}

export async function rowOf(sql: Sql, key: string): Promise<Row> {
  const rows = await sql.query<Row>('SELECT * FROM worker.intents WHERE key = $1 ORDER BY id', [key])
  const [row] = rows
  if (row === undefined || rows.length > 1) throw new Error(`${rows.length} intents have the key ${key}`)
  return row
}

export function request(change: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    group: 'mailers',
    channel: 'email',
    kinds: [{ kind: 'mail', version: 1 }],
    owner: 'one',
    limit: 100,
    leaseMs: 60_000,
    order: ['live', 'broadcast', 'replay'],
    without: { campaigns: [], accounts: [], classes: [] },
    replays: 100,
    deferred: [],
    deferredShare: 100,
    ...change,
  }
}

/** Claims the one intent that is due. */
export async function claimOne(store: IntentStore, change: Partial<ClaimRequest> = {}): Promise<Intent> {
  const [intent, another] = await store.claim(request(change))
  if (intent === undefined || another !== undefined) throw new Error('not exactly one intent was due')
  return intent
}

/** As if the owner had gone quiet long ago. */
export async function endLeases(sql: Sql): Promise<void> {
  await sql.query(`UPDATE worker.intents SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL`)
}

export async function makeDue(sql: Sql): Promise<void> {
  await sql.query(`UPDATE worker.intents SET due_at = now()`)
}

/** Gives up every intent of group `mailers`, each deferred for a destination that has been away for an hour; resolves to their keys. */
export async function giveUp(sql: Sql, store: IntentStore, deliveryLog: DeliveryLog | null): Promise<readonly string[]> {
  await sql.query(
    `UPDATE worker.intents SET state = 'pending', reason = 'endpoint-open', destination = 'e', waiting_since = now() - interval '90 minutes'`,
  )
  await sql.query(`DELETE FROM worker.breakers`)
  await sql.query(`INSERT INTO worker.breakers VALUES ('email', 'e', 'timeout', now() - interval '2 hours', now() - interval '1 hour')`)
  const kinds = [{ kind: 'mail', version: 1 }]
  const request = { group: 'mailers', channel: 'email', kinds, awayMs: 3_600_000, deliveryLog, limit: 100 } as const
  return (await store.abandonDeferred(request, async () => {})).map(({ key }) => key)
}
