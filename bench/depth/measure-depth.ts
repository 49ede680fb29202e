import { randomUUID } from 'node:crypto'
import { channelNames } from '../../src/daemon/compose/channels.ts'
import type { IntentStore } from '../../src/delivery/intent-store.ts'
import type { Intent } from '../../src/model/intent.ts'
import type { Database, Sql } from '../../src/std/sql.ts'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { createIntentStore } from '../../src/infra/postgres/intents/postgres-intent-store.ts'
import { migrate } from '../../src/infra/postgres/schema/migrate-schema.ts'
import type { PostgresServer } from '../../stack/postgres-server.ts'
import { median, quantile } from '../measure/quantile.ts'

/** What the statement that claims a block takes. */
export interface ClaimCost {
  readonly p50Ms: number
  readonly p99Ms: number
  /** Pages of the table and its indexes, from memory or disk, median: unlike times, the same on a busy machine. */
  readonly pages: number
}

export interface DepthFigures {
  /** Due intents at the beginning, and outcomes. */
  readonly rows: number
  /** Of intents and outcomes with their indexes. */
  readonly bytes: number
  /** A claim of 20 from the head of the queue. */
  readonly claim: ClaimCost
  /** The same while an old snapshot holds back vacuum, after so many intents have ended. */
  readonly heldBack: readonly { readonly ended: number; readonly claim: ClaimCost }[]
}

const BLOCK = 20
const CLAIMS = 100

/** Fills a database of its own and claims from it, without and with a snapshot that is as old as the first claim. */
export async function measureDepth(
  postgres: PostgresServer,
  rows: number,
  endedSteps: readonly number[],
  report: (line: string) => void,
): Promise<DepthFigures> {
  const connectionString = await postgres.createDatabase(`depth_${rows}_${randomUUID().slice(0, 8)}`)
  for (const set of ['app', 'worker'] as const) await migrate({ connectionString }, set, { onProgress: () => undefined })
  const open = (applicationName: string): Database =>
    openDatabase({
      connection: { connectionString },
      max: 1,
      applicationName,
      statementTimeoutMs: 3_600_000,
      connectTimeoutMs: 10_000,
    })
  const [database, dump] = [open('bench'), open('bench dump')]
  try {
    const { sql } = database
    await fill(sql, rows, report)
    const [size] = await sql.query<{ bytes: number }>(
      `SELECT (pg_total_relation_size('worker.intents') + pg_total_relation_size('worker.outcomes'))::float8 AS bytes`,
    )
    const store = createIntentStore(database, { channels: channelNames })
    const claim = await claimCost(sql, store)
    const heldBack: { ended: number; claim: ClaimCost }[] = []
    await dump.transaction(async (tx) => {
      await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
      // A dump is never idle; this one is.
      await tx.query('SET LOCAL idle_in_transaction_session_timeout = 0')
      await tx.query('SELECT count(*) FROM (SELECT FROM worker.intents LIMIT 1) AS first')
      let ended = 0
      for (const step of endedSteps.filter((step) => step + CLAIMS * BLOCK < rows)) {
        while (ended < step) ended += await endMany(sql, store, Math.min(5_000, step - ended))
        const cost = await claimCost(sql, store)
        heldBack.push({ ended, claim: cost })
        ended += CLAIMS * BLOCK
        report(`${rows} rows: ${ended} ended under an old snapshot, claim ${cost.p50Ms.toFixed(1)} ms, ${cost.pages} pages`)
      }
    })
    return { rows, bytes: size?.bytes ?? 0, claim, heldBack }
  } finally {
    await dump.end()
    await database.end()
  }
}

/** Due intents of a thousand campaigns, oldest first, and as many outcomes, in blocks of a million. */
async function fill(sql: Sql, rows: number, report: (line: string) => void): Promise<void> {
  for (let from = 1; from <= rows; from += 1_000_000) {
    const to = Math.min(rows, from + 999_999)
    await sql.query(
      `INSERT INTO worker.intents (group_name, kind, version, channel, key, event_id, event_at, due_at, campaign_id, user_id, data)
       SELECT 'email-workers', 'mail', 1, 'email', 'mail:' || n, gen_random_uuid(), now(), now() - ($3::int - n) * interval '0.1 ms',
              ('c0000000-0000-4000-8000-' || lpad(to_hex(n % 1000), 12, '0'))::uuid, gen_random_uuid(), '{"type": "welcome"}'
         FROM generate_series($1::int, $2::int) AS n`,
      [from, to, rows],
    )
    await sql.query(
      `INSERT INTO worker.outcomes (group_name, event_id, type, content_hash, topic, partition, "offset", outcome)
       SELECT 'email-workers', gen_random_uuid(), 'user.signed_up', sha256(n::text::bytea), 'domain-events', n % 10, n, 'accepted'
         FROM generate_series($1::int, $2::int) AS n`,
      [from, to],
    )
    report(`${to} of ${rows} rows`)
  }
  await sql.query('VACUUM (ANALYZE) worker.intents')
  await sql.query('VACUUM (ANALYZE) worker.outcomes')
}

/** Claims blocks from the head of the queue, each of which ends before the next. */
async function claimCost(sql: Sql, store: IntentStore): Promise<ClaimCost> {
  const times: number[] = []
  const pages: number[] = []
  for (let left = CLAIMS; left > 0; left--) {
    const pagesBefore = await pagesRead(sql)
    const from = performance.now()
    const claimed = await claimBlock(store, BLOCK)
    times.push(performance.now() - from)
    pages.push((await pagesRead(sql)) - pagesBefore)
    if (claimed.length !== BLOCK) throw new Error(`A claim of ${BLOCK} found ${claimed.length} intents.`)
    await end(sql, claimed)
  }
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), pages: median(pages) }
}

/** Of `worker.intents` so far; the counts of this session are complete, since it flushes them. */
async function pagesRead(sql: Sql): Promise<number> {
  await sql.query('SELECT pg_stat_force_next_flush()')
  const [row] = await sql.query<{ pages: number }>(
    `SELECT (heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::float8 AS pages
       FROM pg_catalog.pg_statio_user_tables WHERE schemaname = 'worker' AND relname = 'intents'`,
  )
  return row?.pages ?? 0
}

async function endMany(sql: Sql, store: IntentStore, count: number): Promise<number> {
  const claimed = await claimBlock(store, count)
  await end(sql, claimed)
  return claimed.length
}

function claimBlock(store: IntentStore, limit: number): Promise<readonly Intent[]> {
  return store.claim({
    group: 'email-workers',
    channel: 'email',
    kinds: [{ kind: 'mail', version: 1 }],
    owner: randomUUID(),
    limit,
    leaseMs: 600_000,
    order: ['live', 'broadcast', 'replay'],
    replays: 10,
    without: { campaigns: [], accounts: [], classes: [] },
    deferred: [],
    deferredShare: 0,
  })
}

/** As a start and a settle do: each writes the row. */
async function end(sql: Sql, claimed: readonly Intent[]): Promise<void> {
  const ids = [claimed.map(({ id }) => id)]
  await sql.query(`UPDATE worker.intents SET state = 'handing_over', attempt = 1 WHERE id = ANY ($1::bigint[])`, ids)
  await sql.query(
    `UPDATE worker.intents SET state = 'sent', finished_at = now(), owner = NULL, lease_until = NULL WHERE id = ANY ($1::bigint[])`,
    ids,
  )
}
