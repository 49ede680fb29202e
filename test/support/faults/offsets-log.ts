import type { Commit, Generation } from '../../invariants/history.ts'
import { decodeOffsetsRecord } from './offsets-record.ts'
import { readTopic } from './read-topic.ts'

/**
 * Every commit and every generation of some groups, as the coordinator wrote them into `__consumer_offsets`: what was committed, not what a
 * client says it did. A group lives in one partition of it, so the order is that in which things happened. Compaction leaves the segment alone
 * that is being written, 100 MB by default, so nothing is missing.
 *
 * @param topic whose commits and partitions are wanted
 */
export async function readOffsetsLog(
  brokers: readonly string[],
  topic: string,
  groups: readonly string[],
  onEntry: (entry: Commit | Generation) => void,
): Promise<void> {
  const generations = new Map<string, number>()
  await readTopic(brokers, '__consumer_offsets', (_, { key, value, offset, timestamp }) => {
    const record = decodeOffsetsRecord(key, value)
    if (record === null || !groups.includes(record.group)) return
    const { group } = record
    const place = { logOffset: Number(offset), at: Number(timestamp), group }
    if (record.is === 'generation') {
      generations.set(group, record.generation)
      const members = record.members.map(({ id, assignment }) => ({ id, partitions: assignment[topic] ?? [] }))
      onEntry({ is: 'generation', ...place, generation: record.generation, members })
    } else if (record.topic === topic) {
      const { partition, metadata } = record
      onEntry({ is: 'commit', ...place, topic, partition, offset: record.offset, metadata, generation: generations.get(group) ?? -1 })
    }
  })
}
