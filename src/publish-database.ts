import type { IntentStore } from './delivery/intent-store.ts'
import type { Database } from './infra/postgres/database.ts'
import type { Metrics } from './infra/telemetry/metrics.ts'
import type { Pools } from './open-pools.ts'

/** A backlog is counted to here and no further. */
const BACKLOG_LIMIT = 100_000

/** At each scrape: how the pools stand, and what waits in the database; the latter disappears while nobody can count it. */
export function publishDatabase(
  metrics: Metrics,
  of: {
    readonly pools: Pools
    readonly store: Pick<IntentStore, 'backlog' | 'oldestDue'>
    readonly groups: readonly string[]
    isThere(): boolean
  },
): void {
  metrics.onScrape(() => {
    for (const [name, pool] of Object.entries<Database>({ ...of.pools })) {
      const { total, idle, waiting } = pool.stats()
      for (const [state, count] of Object.entries({ total, idle, waiting })) metrics.databasePool.set({ pool: name, state }, count)
    }
  })
  async function publishGroup(group: string): Promise<void> {
    const [backlog, oldest] = await Promise.all([of.store.backlog(group, BACKLOG_LIMIT), of.store.oldestDue(group)])
    for (const { channel, state, count } of backlog) metrics.intentsPending.set({ group, channel, state }, count)
    for (const { channel, ms } of oldest) metrics.oldestDue.set({ group, channel }, ms / 1_000)
  }
  metrics.onScrape(async () => {
    metrics.intentsPending.reset()
    metrics.oldestDue.reset()
    if (!of.isThere()) return
    try {
      for (const group of of.groups) await publishGroup(group)
    } catch {
      // Too slow to count, or just gone: the probe says so, and the rest of the scrape goes on.
    }
  })
}
