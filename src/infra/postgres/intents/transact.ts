import type { Intent, IntentDraft, JsonObject } from '../../../model/intent.ts'
import type { Settlement } from '../../../delivery/intent-store.ts'
import type { Sql, Database } from '../../../std/sql.ts'
import { insertDrafts } from './intent-drafts.ts'
import { settleBatch } from './settle-batch.ts'
import { settleStatementOf } from './settle-statement.ts'
import { lockClaims } from './start-batch.ts'

export interface Transacted<Result> {
  readonly result: Result
  readonly settlement: Settlement
  readonly drafts?: readonly IntentDraft[]
  readonly data?: JsonObject
}

/**
 * Proves the claim under a row lock, works, and settles the intent, all or nothing. The lock keeps the claim however long `work` takes:
 * leases are expired on unlocked rows only.
 *
 * A failure is counted as an attempt after the rollback, and the lease renewed, so that the caller can still settle.
 */
export async function transact<Result>(
  database: Database,
  intent: Intent,
  leaseMs: number,
  work: (tx: Sql) => Promise<Transacted<Result>>,
): Promise<Result | 'lost'> {
  try {
    return await database.transaction(async (tx) => {
      if ((await lockClaims([{ intent }], tx)).size === 0) return 'lost'
      const { result, settlement, drafts, data } = await work(tx)
      await insertDrafts(intent, drafts ?? [], tx)
      await settleBatch([{ intent, settlement, reply: {}, data }], settleStatementOf(intent, settlement, null), tx)
      return result
    })
  } catch (error) {
    // Only a count: when the database is gone as well, the caller needs the error of `work`.
    await countFailure(database.sql, intent, leaseMs).catch(() => undefined)
    throw error
  }
}

async function countFailure(sql: Sql, { claim }: Intent, leaseMs: number): Promise<void> {
  await sql.query(
    `UPDATE worker.intents
        SET attempt = attempt + 1, lease_until = clock_timestamp() + $4 * interval '1 millisecond'
      WHERE id = $1 AND owner = $2 AND claims = $3 AND state = 'claimed'`,
    [claim.id, claim.owner, claim.claims, leaseMs],
  )
}
