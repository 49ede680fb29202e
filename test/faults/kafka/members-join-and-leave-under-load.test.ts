import { expect, test } from 'vitest'
import { returnedPartitions } from '../../support/faults/returned-partitions.ts'
import { startKafkaCluster } from '../../support/kafka-cluster.ts'
import { groupUnderLoad } from './group-under-load.ts'

/**
 * Fault: Members join and leave every few seconds; partitions move to others and back to their former owner.
 * Promise: Every record is accepted once and in order, and no commit goes back.
 */
test('members that join and leave every few seconds: partitions move and return, every record is accepted once and in order', async () => {
  await using cluster = await startKafkaCluster()
  await using load = await groupUnderLoad(cluster)
  const stays = await load.join()
  for (let round = 0; round < 8; round += 1) {
    const guest = await load.join()
    await load.works(100)
    await guest.source.stop()
    await load.works(100)
    // A guest that stays over the next one's time, so that what it gives up goes to a third.
    if (round % 3 === 2) await load.join()
  }
  // The one that stays has owned partitions, given them away and got them back.
  expect(returnedPartitions(stays.assignments.map(({ partitions }) => partitions)).size).toBeGreaterThan(0)
  expect((await load.judge()).backwards).toEqual([])
})
