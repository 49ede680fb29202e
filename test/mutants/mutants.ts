import { acceptMutants } from './accept-mutants.ts'
import { deliveryMutants } from './delivery-mutants.ts'
import { leaderboardMutants } from './leaderboard-mutants.ts'
import type { Mutant } from './mutant.ts'
import { outboxMutants } from './outbox-mutants.ts'
import { processMutants } from './process-mutants.ts'
import { publisherMutants } from './publisher-mutants.ts'

/** Each applied alone; numbered from 1. */
export const mutants: readonly Mutant[] = [
  ...acceptMutants,
  ...deliveryMutants,
  ...leaderboardMutants,
  ...outboxMutants,
  ...processMutants,
  ...publisherMutants,
]
