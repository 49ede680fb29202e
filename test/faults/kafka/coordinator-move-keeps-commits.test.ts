import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKafkaCluster, type KafkaCluster } from '../../support/kafka-cluster.ts'
import { groupUnderLoad } from './group-under-load.ts'

let cluster: KafkaCluster

beforeAll(async () => {
  cluster = await startKafkaCluster()
})
afterAll(async () => cluster[Symbol.asyncDispose]())

/**
 * Fault: The coordinator of the groups, one of three brokers, goes away and comes back.
 * Promise: No commit goes back, and every record is accepted once.
 */
test.each(['stop', 'kill'] as const)('a group survives a move of its coordinator: %s', async (how) => {
  // Until the brokers detect a killed one and another coordinates its groups, sessions may expire without a heartbeat.
  await using load = await groupUnderLoad(cluster, { mayOverlap: how === 'kill' })
  await load.join()
  await load.join()
  await load.works()
  // Twice, so that the group also comes back to a broker that has coordinated it before.
  for (let move = 0; move < 2; move += 1) {
    const coordinator = cluster.kafka.brokers[(await cluster.coordinator(load.group)) - 1]
    if (!coordinator) throw new Error('the group has no coordinator')
    await coordinator[how]()
    try {
      await load.works()
    } finally {
      await coordinator.start()
    }
    await load.works()
  }
  expect((await load.judge()).backwards).toEqual([])
})
