import type { Sql } from '../../../src/std/sql.ts'
import type { Row } from '../../invariants/history.ts'

const tables: Readonly<Record<Row['table'], string>> = {
  outcomes: 'worker.outcomes',
  intents: 'worker.intents',
  progress: 'worker.progress',
  dead_letters: 'worker.dead_letters',
  reward_codes: 'worker.reward_codes',
  email_logs: 'public.email_logs',
  webhook_deliveries: 'public.webhook_deliveries',
  waitlist_users: 'public.waitlist_users',
  user_rewards: 'public.user_rewards',
}

/** Every row of every table that a history holds, one query each; the database must be at rest. */
export async function readRows(sql: Sql, onRow: (row: Row) => void): Promise<void> {
  for (const [table, place] of Object.entries(tables)) {
    if (!isTable(table)) continue
    for (const row of await sql.query<Record<string, unknown>>(`SELECT * FROM ${place}`)) {
      onRow({ is: 'row', table, row: Object.fromEntries(Object.entries(row).map(([column, value]) => [column, plain(value)])) })
    }
  }
}

function isTable(name: string): name is Row['table'] {
  return Object.hasOwn(tables, name)
}

/** Times are epoch milliseconds and bytes hex; 64-bit numbers come as text already. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return value.getTime()
  if (Buffer.isBuffer(value)) return value.toString('hex')
  return value
}
