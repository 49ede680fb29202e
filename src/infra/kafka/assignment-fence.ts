import kafkajs from 'kafkajs'
import type { PartitionAssigner } from 'kafkajs'

/**
 * Kafka's round robin, telling us of every join. kafkajs calls an assigner's `protocol()` synchronously before each JoinGroup, on every
 * path that leads there; its REBALANCING event is missing on some (leader moved, partitions added: `recoverFromFetch`). Between this call
 * and the join no commit of ours can start, which is what fences the old assignment: the broker checks member and generation, not who owns
 * a partition.
 *
 * @param joining what it throws keeps the member from joining
 */
export function fencedAssigner(joining: () => void): PartitionAssigner {
  return (config) => {
    const roundRobin = kafkajs.PartitionAssigners.roundRobin(config)
    return {
      ...roundRobin,
      protocol: (subscription) => {
        joining()
        return roundRobin.protocol(subscription)
      },
    }
  }
}
