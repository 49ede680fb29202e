import { positionConsumer } from '../../src/consumers/position/position-consumer.ts'
import { findGroup, type OperatorGroup } from '../../src/admin/operator-group.ts'

/** The id of the group that recalculates leaderboards, with its prefix. */
export function leaderboardGroup(groups: readonly OperatorGroup[]): string {
  return findGroup(groups, positionConsumer.name).id
}
