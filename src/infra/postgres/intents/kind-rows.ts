import { sqlArray } from '../../../std/sql-array.ts'
import type { KindUpdate, KindValues } from '../../../model/intent-kind.ts'

/** The update of a kind as the expression `name`, of those intents that the expression `proved` has; its parameters begin with `$first`. */
export function kindUpdate(name: string, update: KindUpdate, first: number, proved: string): string {
  const types = ['bigint', ...Object.values(update.columns)]
  const arrays = types.map((type, index) => `$${first + index}::${type}[]`)
  const columns = ['intent_id', ...Object.keys(update.columns)]
  const k = `(SELECT k.* FROM unnest(${arrays.join(', ')}) AS k (${columns.join(', ')}) JOIN ${proved} ON ${proved}.id = k.intent_id) AS k`
  return `${name} AS (${update.sql(k)})`
}

/** What {@link kindUpdate} takes. */
export function kindParameters(
  { columns }: KindUpdate,
  rows: readonly { readonly intentId: string; readonly values: KindValues }[],
): readonly string[] {
  const values = Object.keys(columns).map((_, index) => sqlArray(rows, (row) => row.values[index]))
  return [sqlArray(rows, ({ intentId }) => intentId), ...values]
}
