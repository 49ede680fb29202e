import type { Random } from '../../cmd/demo/random.ts'

/** A fault to inject, and its weight among the others. Resolves when it is over. */
export interface WeightedAction {
  readonly weight: number
  readonly work: () => Promise<void>
}

export function pickAction(actions: readonly WeightedAction[], random: Random): WeightedAction['work'] {
  let left = random.below(actions.reduce((sum, { weight }) => sum + weight, 0))
  const picked = actions.find(({ weight }) => (left -= weight) < 0)
  if (picked === undefined) throw new Error('There are no actions to pick from.')
  return picked.work
}
