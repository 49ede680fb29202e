import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../../../config/load.ts'
import { channelNames } from '../../../src/daemon/compose/channels.ts'
import { createIntentStore } from '../../../src/infra/postgres/intents/postgres-intent-store.ts'
import { createMetrics } from '../../../src/infra/telemetry/metrics.ts'
import { openPools, type Pools } from '../../../src/daemon/compose/pools.ts'
import { publishDatabase } from '../../../src/daemon/database-metrics.ts'
import { systemClock } from '../../../src/std/clock.ts'
import { eventually } from '../../support/eventually.ts'
import { migratedDatabase, type MigratedDatabase } from '../../support/migrated-database.ts'

let db: MigratedDatabase
let pools: Pools
const metrics = createMetrics({ version: 'test' })

beforeAll(async () => {
  db = await migratedDatabase()
  const environment = { DATABASE_URL: db.url, KAFKA_BROKERS: 'kafka.example.com:9092' }
  pools = openPools(loadConfig(environment, { groups: ['email-workers'], mailGroups: [] }), () => {})
  publishDatabase(metrics, {
    pools,
    store: createIntentStore(pools.metrics, { channels: channelNames }),
    groups: ['email-workers'],
    clock: systemClock,
    isThere: () => true,
  })
})
afterAll(async () => {
  metrics.close()
  await Promise.all(Object.values(pools).map((pool) => pool.end()))
  await db.close()
})

test('a locked table affects only the counts of a scrape: the last figures stay with their age, and readiness has connections of its own', async () => {
  await db.sql.query(
    `INSERT INTO worker.intents (group_name, kind, version, channel, key, campaign_id) VALUES ('email-workers', 'welcome', 1, 'email', 'one', gen_random_uuid())`,
  )
  await db.sql.query(
    `INSERT INTO worker.dead_letters (group_name, topic, partition, "offset", reason, state)
     VALUES ('email-workers', 'events', 0, 1, 'not-json', 'open'), ('email-workers', 'events', 0, 2, 'not-json', 'discarded')`,
  )
  expect(valueOf(await metrics.render(), 'kafka_worker_dead_letters_open{group="email-workers"}')).toBe(1)
  const due = 'kafka_worker_intents_pending{group="email-workers",channel="email",state="due"}'
  expect(valueOf(await metrics.render(), due)).toBe(1)

  await db.transaction(async (tx) => {
    await tx.query('LOCK TABLE worker.intents IN ACCESS EXCLUSIVE MODE')
    const scrapes = Promise.all([1, 2, 3].map(() => metrics.render()))
    // It answers while the scrapes wait.
    const first = await Promise.race([pools.watch.sql.query('SELECT 1').then(() => 'readiness'), scrapes.then(() => 'scrapes')])
    expect(first).toBe('readiness')
    // The lock is held until they have ended, so that none of them can have counted.
    for (const text of await scrapes) {
      expect(valueOf(text, due)).toBe(1)
      expect(valueOf(text, 'kafka_worker_intents_oldest_due_age_seconds{group="email-workers",channel="email"}')).toBeGreaterThan(0)
      expect(valueOf(text, 'kafka_worker_intents_count_age_seconds')).toBeGreaterThanOrEqual(1)
    }
    // They did not wait for the lock either: the one count for all of them still does.
    const waiting = await db.sql.query(
      `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
    expect(waiting).toEqual([{ application_name: 'kafka-worker metrics' }])
  })

  await db.sql.query(`UPDATE worker.intents SET state = 'skipped'`)
  // The count that the lock held up may be the answer to the first of these.
  await eventually('it counts again', async () => valueOf(await metrics.render(), due) === undefined || 'the old figure')
})

function valueOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((line) => line.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}
