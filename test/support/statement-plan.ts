import { channelNames } from '../../src/daemon/compose/channels.ts'
import type { IntentStore } from '../../src/delivery/intent-store.ts'
import { createIntentStore } from '../../src/infra/postgres/intents/postgres-intent-store.ts'
import type { Sql } from '../../src/std/sql.ts'
import type { MigratedDatabase } from './migrated-database.ts'

export interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly PlanNode[]
}

/** The plan, with what was really read, of the one statement that `use` runs; undone. */
export async function planOf(
  database: MigratedDatabase,
  use: (store: IntentStore, sql: Sql) => Promise<unknown>,
): Promise<readonly PlanNode[]> {
  const undo = new Error('undo')
  let plan: PlanNode | undefined
  await database
    .transaction(async (tx) => {
      const explaining = {
        query: async <Row extends object>(text: string, parameters?: readonly unknown[]): Promise<Row[]> => {
          const [row] = await tx.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, parameters)
          plan = row?.['QUERY PLAN'][0].Plan
          return []
        },
      }
      await use(createIntentStore({ ...database, sql: explaining }, { channels: channelNames }), explaining)
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
  return plan === undefined ? [] : flat(plan)
}

/** How many rows the node read. */
export function touchedBy(node: PlanNode): number {
  return node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)
}

/** The nodes that read intents. */
export function intentNodes(nodes: readonly PlanNode[]): readonly PlanNode[] {
  return nodes.filter((node) => node['Relation Name'] === 'intents' && node['Node Type'] !== 'ModifyTable')
}

function flat(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)]
}
