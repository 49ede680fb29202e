import kafkajs from 'kafkajs'
import type { PartitionAssigner } from 'kafkajs'
import { onGroup, type GroupWatch } from '../patches/commit-path.ts'

/**
 * Kafka's round robin, telling us of every join. kafkajs calls an assigner's `protocol()` synchronously before each JoinGroup, on every
 * path that leads there; its REBALANCING event is missing on some (leader moved, partitions added: `recoverFromFetch`). Between this call
 * and the join no commit of ours can start, which is what fences the old assignment: the broker checks member and generation, not who owns
 * a partition.
 *
 * @param joining what it throws keeps the member from joining
 * @param watch hears of the group that joins with it
 */
export function fencedAssigner(joining: () => void, watch: GroupWatch): PartitionAssigner {
  return (config) => {
    const roundRobin = kafkajs.PartitionAssigners.roundRobin(config)
    const fenced = {
      ...roundRobin,
      protocol: (subscription: Parameters<typeof roundRobin.protocol>[0]) => {
        joining()
        return roundRobin.protocol(subscription)
      },
    }
    onGroup(fenced, watch)
    return fenced
  }
}
