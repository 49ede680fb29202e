import type { Sql } from '../../../std/sql.ts'

/** The dead letters of each group that wait for an operator's decision; reads `limit` of each along an index at most. Throws SqlError. */
export async function countOpenLetters(
  sql: Sql,
  groups: readonly string[],
  limit: number,
): Promise<readonly { readonly group: string; readonly count: number }[]> {
  return sql.query<{ group: string; count: number }>(
    `SELECT g.name AS "group", open.count FROM unnest($1::text[]) AS g (name)
      CROSS JOIN LATERAL (
        SELECT count(*)::int AS count FROM (
          SELECT FROM worker.dead_letters AS d WHERE d.group_name = g.name AND d.state = 'open' LIMIT $2) AS first) AS open`,
    [groups, limit],
  )
}
