import type { TopicState } from '../../src/admin/topics/topic-admin.ts'

/** A topic with these settings, each of its partitions with as many replicas, all in sync. */
export function topicState(partitions: number, config: Readonly<Record<string, string>>, replicas = 3): TopicState {
  return {
    partitions: Array.from({ length: partitions }, (_, partition) => ({ partition, replicas, inSync: replicas })),
    config: new Map(Object.entries({ 'cleanup.policy': 'delete', ...config })),
  }
}
