import type { Sql } from '../../src/std/sql.ts'

interface Row {
  readonly id: string
  readonly score: number
  /** Microseconds since 1970. */
  readonly joined: number
  readonly position: number
}

/** Rows fetched at a time: a million at once would not fit into Node's usual memory beside their ranking. */
const PAGE = 50_000

/**
 * Ranks the campaign by the rule, in plain JavaScript from its source columns, and compares with what is stored: null when all
 * positions agree, otherwise a sentence.
 */
export async function differenceFromRule(sql: Sql, campaignId: string, points: number): Promise<string | null> {
  const rows: Row[] = []
  for await (const page of pagesOf(sql, campaignId)) {
    for (const row of page) {
      if (row.deleted || row.status === 'blocked' || row.status === 'removed') continue
      const { id, position } = row
      rows.push({ id, position, joined: Number(row.joined), score: row.original_position - row.verified_referral_count * points })
    }
  }
  rows.sort((one, other) => one.score - other.score || one.joined - other.joined || (one.id < other.id ? -1 : 1))
  const wrong = rows.findIndex(({ position }, index) => position !== index + 1)
  if (wrong === -1) return rows.length > 0 ? null : 'nobody is ranked'
  const count = rows.filter(({ position }, index) => position !== index + 1).length
  return `${count} of ${rows.length} positions are wrong, the first of them is stored as ${rows[wrong]?.position} and should be ${wrong + 1}`
}

interface Stored {
  readonly id: string
  readonly original_position: number
  readonly verified_referral_count: number
  readonly status: string
  readonly deleted: boolean
  readonly joined: string
  readonly position: number
}

async function* pagesOf(sql: Sql, campaignId: string): AsyncGenerator<readonly Stored[]> {
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const page = await sql.query<Stored>(
      `SELECT id, original_position, verified_referral_count, status, deleted_at IS NOT NULL AS deleted, position,
              (extract(epoch FROM created_at) * 1000000)::bigint AS joined
         FROM platform.waitlist_users WHERE campaign_id = $1 AND id > $2 ORDER BY id LIMIT ${PAGE}`,
      [campaignId, after],
    )
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    after = last.id
  }
}
