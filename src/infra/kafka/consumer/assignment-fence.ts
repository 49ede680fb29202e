import kafkajs from 'kafkajs'
import type { PartitionAssigner } from 'kafkajs'
import { withProcess } from '../admin/group-members.ts'
import { onGroup, type GroupWatch } from '../patches/consumer-group.ts'

/**
 * Kafka's round-robin assigner, with a callback before every join. kafkajs calls an assigner's `protocol()` synchronously before each
 * JoinGroup, on every path; its REBALANCING event is missing on some (leader moved, partitions added: `recoverFromFetch`). Between this call
 * and the join no commit can start, which fences the old assignment: the broker checks member and generation, not who owns a partition.
 *
 * @param joining an error thrown here prevents the join
 * @param watch called for the group that joins
 */
export function fencedAssigner(joining: () => void, watch: GroupWatch): PartitionAssigner {
  return (config) => {
    const roundRobin = kafkajs.PartitionAssigners.roundRobin(config)
    const fenced = {
      ...roundRobin,
      protocol: (subscription: Parameters<typeof roundRobin.protocol>[0]) => {
        joining()
        const { name, metadata } = roundRobin.protocol(subscription)
        return { name, metadata: withProcess(metadata) }
      },
    }
    onGroup(fenced, watch)
    return fenced
  }
}
