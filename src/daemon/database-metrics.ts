import type { Backlog, IntentStore } from '../delivery/intent-store.ts'
import { countOpenLetters } from '../infra/postgres/ingest/open-letters.ts'
import { countOutbox } from '../outbox/postgres-outbox-counts.ts'
import type { Metrics } from '../infra/telemetry/metrics.ts'
import type { Database } from '../std/sql.ts'
import type { Pools } from './compose/pools.ts'
import type { Clock } from '../std/clock.ts'

/** The most intents counted per backlog, dead letters of a group, and events of the outbox. */
const BACKLOG_LIMIT = 100_000
/** The longest that a scrape waits for the count, in milliseconds; Prometheus gives up after 10 s. */
const COUNT_DEADLINE_MS = 1_000

interface Count {
  readonly group: string
  readonly backlog: readonly Backlog[]
  readonly oldest: readonly { readonly channel: string; readonly ms: number }[]
}

/**
 * Updates the metrics of the pools and of the backlog in the database at each scrape. When the backlog cannot be counted in time (a locked
 * table, a database that is down), the scrape returns the last count and its age.
 */
export function publishDatabase(
  metrics: Metrics,
  of: {
    readonly pools: Pools
    readonly store: Pick<IntentStore, 'backlog' | 'oldestDue'>
    readonly groups: readonly string[]
    readonly clock: Pick<Clock, 'sleep'>
    isThere(): boolean
  },
): void {
  let countedAt = performance.now()
  /** Shared by concurrent scrapes: one count at a time, on one connection. */
  let counting: Promise<void> | null = null

  async function count(): Promise<void> {
    const startedAt = performance.now()
    const counts: Count[] = []
    for (const group of of.groups)
      counts.push({ group, backlog: await of.store.backlog(group, BACKLOG_LIMIT), oldest: await of.store.oldestDue(group) })
    const letters = await countOpenLetters(of.pools.metrics.sql, of.groups, BACKLOG_LIMIT)
    const outbox = await countOutbox(of.pools.metrics.sql, BACKLOG_LIMIT)
    for (const state of ['due', 'failed'] as const) metrics.outboxPending.set({ state }, outbox[state])
    metrics.outboxOldest.set(outbox.oldestSeconds)
    for (const { group, count } of letters) metrics.deadLettersOpen.set({ group }, count)
    metrics.intentsPending.reset()
    metrics.oldestDue.reset()
    for (const { group, backlog, oldest } of counts) {
      for (const { channel, state, count } of backlog) metrics.intentsPending.set({ group, channel, state }, count)
      for (const { channel, ms } of oldest) metrics.oldestDue.set({ group, channel }, ms / 1_000)
    }
    countedAt = startedAt
  }

  metrics.onScrape(() => {
    for (const [name, pool] of Object.entries<Database>({ ...of.pools })) {
      const { total, idle, waiting } = pool.stats()
      for (const [state, count] of Object.entries({ total, idle, waiting })) metrics.databasePool.set({ pool: name, state }, count)
    }
  })
  metrics.onScrape(async () => {
    if (of.isThere()) {
      // A failed count shows in the age of the figures; the probe reports a database that is down.
      counting ??= count()
        .catch(() => undefined)
        .finally(() => (counting = null))
      const over = new AbortController()
      await Promise.race([counting, of.clock.sleep(COUNT_DEADLINE_MS, over.signal)])
      over.abort()
    }
    metrics.countAge.set((performance.now() - countedAt) / 1_000)
  })
}
