import { describe, expect, inject, it } from 'vitest'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import '../../../src/infra/kafka/patches/for-readers.ts'
import type { Commit, Generation } from '../../invariants/history.ts'
import { freshGroupName, freshTopicName } from '../../support/fresh.ts'
import { readOffsetsLog } from '../../support/faults/offsets-log.ts'

describe('readOffsetsLog', () => {
  it('returns the owners of partitions and their commits in the order of the log', async () => {
    const brokers = inject('kafkaBootstrap')
    const [topic, other, group] = [freshTopicName(), freshTopicName(), freshGroupName()]
    const { kafka } = createKafkaClient({ brokers, clientId: 'test' }, { retries: 3 })
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [topic, other].map((name) => ({ topic: name, numPartitions: 3 })) })
    const consumer = kafka.consumer({ groupId: group })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic, other] })
    const joined = new Promise<string>((resolve) => consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => resolve(payload.memberId)))
    await consumer.run({ autoCommit: false, eachMessage: async () => undefined })
    const member = await joined
    await consumer.commitOffsets([{ topic, partition: 2, offset: '5', metadata: 'a note' }])
    await consumer.commitOffsets([{ topic: other, partition: 0, offset: '9' }])
    await consumer.commitOffsets([{ topic, partition: 2, offset: '3000000000' }])
    await consumer.disconnect()
    // Tombstones, which are not reported.
    await admin.deleteGroups([group])
    await admin.disconnect()

    const entries: (Commit | Generation)[] = []
    await readOffsetsLog(brokers, topic, [group], (entry) => entries.push(entry))

    // -1 is kafkajs's own: the offsets lay beyond the end of the log, where it reads.
    const commits = entries.filter((entry) => entry.is === 'commit' && entry.offset !== -1)
    expect(commits).toMatchObject([
      { group, topic, partition: 2, offset: 5, metadata: 'a note', generation: 1 },
      { group, topic, partition: 2, offset: 3_000_000_000, metadata: '', generation: 1 },
    ])
    const assigned = entries.find((entry) => entry.is === 'generation' && entry.members.length > 0)
    expect(assigned).toMatchObject({ group, generation: 1, members: [{ id: member, partitions: [0, 1, 2] }] })
    expect(entries.at(-1)).toMatchObject({ is: 'generation', members: [] })
    const places = entries.map(({ logOffset }) => logOffset)
    expect(places).toEqual(places.toSorted((one, other) => one - other))
    expect(commits.every(({ at }) => Math.abs(at - Date.now()) < 60_000)).toBe(true)
  })
})
