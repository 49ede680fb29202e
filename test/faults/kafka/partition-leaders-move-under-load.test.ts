import { setTimeout as after } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createLogProducer } from '../../../src/infra/kafka/producer/kafka-producer.ts'
import { readTopic } from '../../support/faults/read-topic.ts'
import { startKafkaCluster, type KafkaCluster } from '../../support/kafka-cluster.ts'
import { progressRows } from '../../contract/kafka/progress-rows.ts'
import { createSourceFixture, valuesOf } from '../../contract/kafka/source-fixture.ts'
import type { Member, SourceFixture } from '../../contract/kafka/source-fixture.ts'

const soon = { timeout: 100_000, interval: 25 }
const single = { replicationFactor: 1 }

let cluster: KafkaCluster

beforeAll(async () => {
  cluster = await startKafkaCluster()
})
afterAll(async () => cluster[Symbol.asyncDispose]())

/**
 * Fault: Partition leaders move between three brokers, on a quiet topic and under load.
 * Promise: The old assignment ends before the join that this causes begins; every record is accepted once and in order, and no client
 * crashes.
 */
test('a join caused by a moved leader ends the old assignment before the join begins, not when it completes', async () => {
  await using s = await fixtureOf(4)
  for (const partition of [0, 1, 2, 3]) await cluster.move(s.topic, partition, 1)
  const held = Promise.withResolvers<void>()
  // However it ends, the batch does too.
  using _ = { [Symbol.dispose]: () => held.resolve() }
  const busy = s.member({
    batch: async (batch) => {
      await held.promise
      return batch.nextOffset
    },
  })
  const moved = s.member()
  // First come, leader of the group: only the leader's join makes the others join.
  await moved.start()
  await busy.start()
  await vi.waitFor(() => expect([busy, moved].map((member) => newest(member).partitions.length)).toEqual([2, 2]), soon)
  const [first = 0, second = 0] = newest(moved).partitions
  const [theirs = 0] = newest(busy).partitions
  const before = newest(moved)
  await s.produce(first, ['a'])
  await s.produce(theirs, ['b'])
  await vi.waitFor(() => expect([moved, busy].map(({ batches }) => batches.at(-1)?.partition)).toEqual([first, theirs]), soon)

  // The member learns of it by a fetch, and joins from there; the group waits for the other one's batch.
  await cluster.move(s.topic, first, 2)
  await vi.waitFor(async () => expect((await s.admin.groupState(s.group)).state).toBe('PreparingRebalance'), soon)
  expect(before.signal.aborted).toBe(true)
  expect(await moved.source.commit(before, new Map([[first, 1n]]))).toBe(false)

  // Records that arrive meanwhile belong to the next assignment.
  await s.produce(second, ['c'])
  held.resolve()
  await vi.waitFor(() => expect([...moved.values(), ...busy.values()]).toContain(`${second}:c`), soon)
  expect(moved.batches.filter(({ assignment }) => assignment === before).flatMap(valuesOf)).toEqual(['a'])
  expect([moved, busy].flatMap((member) => member.reported('crashed'))).toEqual([])
})

test('leaders that move under load: every record is accepted once and in order, and no client crashes', async () => {
  const partitions = 6
  await using s = await fixtureOf(partitions)
  const progress = progressRows()
  const members = [0, 1].map(() => s.member(progress.handlers(() => after(Math.random() * 20))))
  await Promise.all(members.map(async (member) => member.start()))
  // A broker may learn of a topic only after the first join has requested it.
  const crashes = () => members.flatMap((member) => member.reported('crashed'))
  const atStart = crashes()
  let sent = 0
  for (const broker of [1, 2, 3, 1]) {
    const sending = produceTen(s, partitions, sent)
    for (let partition = 0; partition < partitions; partition += 1) await cluster.move(s.topic, partition, ((broker + partition) % 3) + 1)
    await sending
    sent += 10
  }
  // The producer may have sent again what a leader that moved had written already: as many as lie in the log.
  const ends = new Map([...(await s.admin.ranges(s.topic))].map(([partition, { high }]) => [partition, Number(high)]))
  await vi.waitFor(() => expect(progress.accepted).toHaveLength([...ends.values()].reduce((sum, end) => sum + end)), soon)
  expect(progress.faults).toEqual([])
  for (let partition = 0; partition < partitions; partition += 1) {
    const own = progress.accepted.filter((value) => value.startsWith(`${partition}:`))
    expect(own).toHaveLength(ends.get(partition) ?? 0)
    expect([...new Set(own)]).toEqual(Array.from({ length: sent }, (_, value) => `${partition}:${value}`))
  }
  expect(crashes()).toEqual(atStart)
})

test('no record of a send is left out when a leader has moved to a broker that already answered', async () => {
  await using s = await fixtureOf(2)
  await cluster.move(s.topic, 0, 1)
  await cluster.move(s.topic, 1, 2)
  const producer = createLogProducer(cluster.settings)
  await producer.connect()
  try {
    const send = (value: string) =>
      producer.send(
        s.topic,
        [0, 1].map((partition) => ({ partition, value })),
      )
    // The producer knows the leaders from here on, and learns of the move when one broker refuses its part and the other accepts its own.
    await send('before')
    await cluster.move(s.topic, 0, 2)
    await send('after')
    const inLog: string[] = []
    await readTopic(cluster.settings.brokers, s.topic, (partition, { value }) => inLog.push(`${partition}: ${value?.toString()}`))
    expect(inLog.toSorted()).toEqual(['0: after', '0: before', '1: after', '1: before'])
  } finally {
    await producer.disconnect()
  }
})

function fixtureOf(partitions: number): Promise<SourceFixture> {
  return createSourceFixture({ partitions, settings: cluster.settings, topic: single })
}

async function produceTen(s: SourceFixture, partitions: number, from: number): Promise<void> {
  for (let value = from; value < from + 10; value += 1)
    await Promise.all(Array.from({ length: partitions }, (_, partition) => s.produce(partition, [String(value)])))
}

function newest({ assignments }: Member) {
  const assignment = assignments.at(-1)
  if (!assignment) throw new Error('no assignment yet')
  return assignment
}
