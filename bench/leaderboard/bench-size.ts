import type { Database } from '../../src/std/sql.ts'
import type { PostgresServer } from '../../stack/postgres-server.ts'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { migrate } from '../../src/infra/postgres/schema/migrate-schema.ts'
import { median, quantile } from '../measure/quantile.ts'
import { POINTS_PER_REFERRAL, referrers, seedCampaign } from './campaign.ts'
import { timed, timedBurst, timedEvents, type Run } from './measure.ts'
import { differenceFromRule } from './proof.ts'
import { full, reference, STATEMENT_TIMEOUT_MS, windowed, type Way } from './ways.ts'

/** Of one way at one size; medians where not said otherwise. */
export interface WayFigures {
  readonly events: number
  readonly ms: number
  readonly p99Ms: number
  readonly rows: number
  readonly walBytes: number
  /** One recalculation for a burst; for the reference as many recalculations as events, extrapolated. */
  readonly burstMs: number
}

export interface SizeFigures {
  readonly participants: number
  readonly reference: WayFigures
  readonly full: WayFigures
  readonly windowed: WayFigures
  /** The first of all is blocked, and everybody else moves up by one: one run of the daemon's way. */
  readonly block: Run
  /** Sentences about stored positions that are not those of the rule. */
  readonly differences: readonly string[]
}

export const BURST = 1_000

/** Measures the three ways on a campaign of so many participants, in a database of its own that goes afterwards. */
export async function benchSize(postgres: PostgresServer, participants: number, onProgress: (line: string) => void): Promise<SizeFigures> {
  const name = `bench_${participants}`
  const writeLine = (line: string) => onProgress(`${participants.toLocaleString('en')} participants: ${line}`)
  const connectionString = await postgres.createDatabase(name)
  // One connection, so that all runs of a way share what a session keeps, as they do in a daemon that recalculates one at a time.
  const database = openDatabase({
    connection: { connectionString },
    max: 1,
    applicationName: 'bench:leaderboard',
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    connectTimeoutMs: 10_000,
  })
  try {
    return await measureAll({ database, connectionString, participants, writeLine })
  } finally {
    await database.end()
    await postgres.dropDatabase(name)
  }
}

interface Bench {
  readonly database: Database
  readonly connectionString: string
  readonly participants: number
  readonly writeLine: (line: string) => void
}

async function measureAll({ database, connectionString, participants, writeLine }: Bench): Promise<SizeFigures> {
  const { sql } = database
  const differences: string[] = []
  const prove = async (what: string) => {
    const difference = await differenceFromRule(sql, campaignId, POINTS_PER_REFERRAL)
    if (difference !== null) differences.push(`${participants.toLocaleString('en')} participants, ${what}: ${difference}.`)
  }
  const measure = async (what: string, way: Way, limits: { atLeast: number; atMost: number; seconds: number }, bursts: number) => {
    writeLine(what)
    const by = referrers(participants)
    const runs = await timedEvents(way, database, campaignId, { by, ...limits })
    const burstRuns: Run[] = []
    while (burstRuns.length < bursts) burstRuns.push(await timedBurst(way, database, campaignId, { by, count: BURST }))
    await prove(what)
    await settle(database)
    return figuresOf(runs, burstRuns)
  }

  writeLine('seeding')
  await migrate({ connectionString }, 'app')
  const campaignId = await seedCampaign(sql, participants)

  // On the platform's table as it is: our columns and indexes must not slow it down.
  const rewritten = await measure('reference', reference, { atLeast: 3, atMost: 20, seconds: 10 }, 0)
  writeLine('migrating, first ranking')
  await migrate({ connectionString }, 'worker')
  await full(database, campaignId)
  // The pages as they are some time after the migration: filled to 85 %.
  await sql.query('VACUUM (FULL) waitlist_users')
  await settle(database)
  const reranked = await measure('full', full, { atLeast: 3, atMost: 20, seconds: 10 }, 3)
  const ours = await measure('windowed', windowed, { atLeast: 300, atMost: 1_000, seconds: 60 }, 3)

  writeLine('blocking the first')
  await sql.query(
    `UPDATE platform.waitlist_users SET status = 'blocked' WHERE campaign_id = $1 AND position = 1 AND ranked_score IS NOT NULL`,
    [campaignId],
  )
  const block = await timed(windowed, database, campaignId)
  await prove('after the first was blocked')
  return {
    participants,
    reference: { ...rewritten, burstMs: rewritten.ms * BURST },
    full: reranked,
    windowed: ours,
    block,
    differences,
  }
}

/** What one way leaves behind must not slow the next: dead rows, statistics that are out of date, pages that are not written out. */
async function settle({ sql }: Database): Promise<void> {
  await sql.query('VACUUM (ANALYZE) waitlist_users')
  await sql.query('CHECKPOINT')
}

function figuresOf(runs: readonly Run[], bursts: readonly Run[]): WayFigures {
  const ms = runs.map((run) => run.ms)
  return {
    events: runs.length,
    ms: median(ms),
    p99Ms: quantile(ms, 0.99),
    rows: median(runs.map(({ rows }) => rows)),
    walBytes: median(runs.map(({ walBytes }) => walBytes)),
    burstMs: median(bursts.map((run) => run.ms)),
  }
}
