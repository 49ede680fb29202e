import { sqlArray } from '../../../std/sql-array.ts'
import type { OwnUpdate, OwnValues } from '../../../model/intent-kind.ts'

/** The update of a kind as the expression `name`, of those intents that the expression `proved` has; its parameters begin with `$first`. */
export function ownUpdate(name: string, update: OwnUpdate, first: number, proved: string): string {
  const types = ['bigint', ...Object.values(update.columns)]
  const arrays = types.map((type, index) => `$${first + index}::${type}[]`)
  const columns = ['intent_id', ...Object.keys(update.columns)]
  const k = `(SELECT k.* FROM unnest(${arrays.join(', ')}) AS k (${columns.join(', ')}) JOIN ${proved} ON ${proved}.id = k.intent_id) AS k`
  return `${name} AS (${update.sql(k)})`
}

/** What {@link ownUpdate} takes. */
export function ownParameters(
  { columns }: OwnUpdate,
  rows: readonly { readonly intentId: string; readonly values: OwnValues }[],
): readonly string[] {
  const values = Object.keys(columns).map((_, index) => sqlArray(rows, (row) => row.values[index]))
  return [sqlArray(rows, ({ intentId }) => intentId), ...values]
}
