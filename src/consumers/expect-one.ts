/**
 * A condition on the row numbers `n` of a block that is always true. The planner takes it for a narrow range and expects one row however
 * many an array holds. The rows of a block are therefore looked up by their keys, like those of a single intent, and blocks of every size
 * share one plan, instead of planning the joins for each.
 */
export function expectOne(n: string): string {
  return `${n} BETWEEN 0 AND 1000000`
}
