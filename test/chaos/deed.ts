import type { Random } from '../../cmd/demo/random.ts'

/** Something that can go wrong, and how often it is chosen beside the others. Settles when it is over. */
export interface Deed {
  readonly weight: number
  readonly work: () => Promise<void>
}

export function pickDeed(deeds: readonly Deed[], random: Random): Deed['work'] {
  let left = random.below(deeds.reduce((sum, { weight }) => sum + weight, 0))
  const picked = deeds.find(({ weight }) => (left -= weight) < 0)
  if (picked === undefined) throw new Error('There is nothing to pick from.')
  return picked.work
}
