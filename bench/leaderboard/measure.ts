import type { Sql, Database } from '../../src/std/sql.ts'
import { verifyReferrals } from './campaign.ts'
import type { Way } from './ways.ts'

export interface Run {
  readonly ms: number
  readonly rows: number
  /** Of WAL, from before BEGIN until after COMMIT. */
  readonly walBytes: number
}

/** The recalculation alone, BEGIN and COMMIT included. */
export async function timed(way: Way, database: Database, campaignId: string): Promise<Run> {
  const before = await walPosition(database.sql)
  const from = performance.now()
  const rows = await way(database, campaignId)
  const ms = performance.now() - from
  return { ms, rows, walBytes: (await walPosition(database.sql)) - before }
}

/** One event after the other, each followed by its recalculation: as many as `seconds` allow, within the bounds. */
export async function timedEvents(
  way: Way,
  database: Database,
  campaignId: string,
  events: { readonly by: Iterator<number, never>; readonly atLeast: number; readonly atMost: number; readonly seconds: number },
): Promise<readonly Run[]> {
  const until = performance.now() + events.seconds * 1_000
  const runs: Run[] = []
  while (runs.length < events.atLeast || (runs.length < events.atMost && performance.now() < until)) {
    await verifyReferrals(database.sql, [events.by.next().value])
    runs.push(await timed(way, database, campaignId))
  }
  return runs
}

/** One recalculation for all events of a burst. */
export async function timedBurst(
  way: Way,
  database: Database,
  campaignId: string,
  events: { readonly by: Iterator<number, never>; readonly count: number },
): Promise<Run> {
  await verifyReferrals(
    database.sql,
    Array.from({ length: events.count }, () => events.by.next().value),
  )
  return timed(way, database, campaignId)
}

async function walPosition(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ bytes: string }>(`SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS bytes`)
  return Number(row?.bytes)
}
