import { spellingsOf } from '../../../std/address-spelling.ts'
import type {
  SuppressionAdmin,
  SuppressionCount,
  SuppressionFilter,
  SuppressionLine,
} from '../../../admin/suppressions/suppression-admin.ts'
import type { Sql } from '../../../std/sql.ts'
import { recordSuppression } from './unsubscribe.ts'

export function createSuppressionAdmin(sql: Sql): SuppressionAdmin {
  return {
    counts: (filter) =>
      sql.query<SuppressionCount>(
        `SELECT account_id AS "accountId", reason, count(*)::int AS count, min(at) AS first, max(at) AS last
           FROM worker.suppressions WHERE ${matches} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2`,
        parameters(filter),
      ),
    list: (filter, limit) =>
      sql.query<SuppressionLine>(
        `SELECT account_id AS "accountId", reason, at, encode(address_hash, 'hex') AS hash
           FROM worker.suppressions WHERE ${matches} ORDER BY at DESC, account_id, address_hash LIMIT $6`,
        [...parameters(filter), limit],
      ),
    add: (suppression) => recordSuppression(sql, suppression),
    remove: async (filter) => {
      const [row] = await sql.query<{ removed: number }>(
        `WITH gone AS (DELETE FROM worker.suppressions WHERE ${matches} RETURNING 1) SELECT count(*)::int AS removed FROM gone`,
        parameters(filter),
      )
      return row?.removed ?? 0
    },
  }
}

const matches = `
  ($1::uuid IS NULL OR account_id = $1) AND ($2::text IS NULL OR reason = $2)
  AND ($3::text[] IS NULL OR address_hash = ANY (SELECT sha256(convert_to(spelling, 'UTF8')) FROM unnest($3::text[]) AS spelling))
  AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5)`

function parameters({ accountId, reason, address, since, until }: SuppressionFilter): readonly unknown[] {
  return [accountId, reason, address === null ? null : spellingsOf(address), since, until]
}
