/**
 * The partitions that a member owned, gave up and owned again, however many assignments lie between.
 * @param assignments the partitions of each, in the order in which they came
 */
export function returnedPartitions(assignments: Iterable<Iterable<number>>): ReadonlySet<number> {
  const givenUp = new Set<number>()
  const returned = new Set<number>()
  let before = new Set<number>()
  for (const assignment of assignments) {
    const now = new Set(assignment)
    for (const partition of now) if (givenUp.has(partition)) returned.add(partition)
    for (const partition of before) if (!now.has(partition)) givenUp.add(partition)
    before = now
  }
  return returned
}
