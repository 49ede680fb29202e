import type { IntentStore } from '../../delivery/intent-store.ts'
import { claim, release } from './claim.ts'
import type { Database } from './database.ts'
import { backlog, countDue, countUnfinishedOf, nextDueMs, oldestDueMs } from './due-counts.ts'
import { createGather } from './gather.ts'
import { expireLeases } from './lease-expiry.ts'
import { settleBatch, type SettleItem } from './settle-batch.ts'
import { startBatch, startWith, type StartItem } from './start-batch.ts'
import { transact } from './transact.ts'

export interface IntentStoreOptions {
  /** Starts and outcomes wait at most this long for others to share their commit. */
  readonly gatherMs?: number
  /** Starts or outcomes in one transaction at most. */
  readonly gatherItems?: number
  /** Leases taken back in one statement at most. */
  readonly expireBatch?: number
}

/** The intents in `worker.intents`. All times are the database's. Throws SqlError. */
export function createIntentStore(database: Database, options: IntentStoreOptions = {}): IntentStore {
  const { gatherMs = 10, gatherItems = 200, expireBatch = 500 } = options
  const gatherOptions = { maxWaitMs: gatherMs, maxItems: gatherItems }
  const start = createGather((items: readonly StartItem[]) => database.transaction((tx) => startBatch(items, tx)), gatherOptions)
  const settle = createGather((items: readonly SettleItem[]) => database.transaction((tx) => settleBatch(items, tx)), gatherOptions)
  const { sql } = database

  return {
    read: sql,
    claim: (request) => claim(sql, request),
    release: (claims) => release(sql, claims),
    start: (request, frozen) => start({ request, frozen }),
    startWith: (request, work) => startWith(database, request, work),
    settle: (intent, settlement, { ledger, reply, work }) => {
      const item = { intent, settlement, reply, ledger }
      if (!work) return settle(item)
      return database.transaction(async (tx) => {
        // The claim is proved, and its row locked, before the books are touched.
        const [result = 'lost'] = await settleBatch([item], tx)
        if (result === 'settled') await work(tx)
        return result
      })
    },
    transact: (intent, leaseMs, work) => transact(database, intent, leaseMs, work),
    expireLeases: (how) => expireLeases(sql, how, expireBatch),
    countDue: (group, limit) => countDue(sql, group, limit),
    countUnfinishedOf: (eventId, group, limit) => countUnfinishedOf(sql, eventId, group, limit),
    oldestDueMs: (group) => oldestDueMs(sql, group),
    backlog: (group, limit) => backlog(sql, group, limit),
    nextDueMs: (group, channel) => nextDueMs(sql, group, channel),
  }
}
