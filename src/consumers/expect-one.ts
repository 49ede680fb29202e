/**
 * A condition on the numbers of a block's rows, `n`, that is always true. The planner takes it for a narrow range and expects one row,
 * however many an array holds: so the rows of a block are looked up by their keys, as those of a single intent, and one plan is kept for
 * blocks of every size, where the joins would otherwise be planned again for each.
 */
export function expectOne(n: string): string {
  return `${n} BETWEEN 0 AND 1000000`
}
