import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/** kafkajs refreshes the topic's metadata with the next fetch once it is a minute old, and joins again. */
const NOTICED_WITHIN_MS = 240_000

/**
 * Fault: Partitions are added to the topic under load, so that campaigns move to other partitions.
 * Promise: They are discovered within about a minute and read from their beginning; nothing is lost or doubled.
 */
test('partitions added under load are read from their beginning, and nothing is lost or doubled', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 35, partitions: 2, simulations: 4 })
  const { admin, topic, sql } = fixture.base
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const traffic = fixture.traffic({ eventsPerSecond: 10 })
  await eventually('traffic is under way', () => traffic.acknowledged > 20 || `${traffic.acknowledged} events`)
  await fixture.fault('partitions are added', ['kafka'], async () => {
    await admin.growTopic(topic, 6)
    await eventually(
      'every partition has its rows',
      async () => {
        const [row] = await sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.progress WHERE topic = $1', [topic])
        return row?.count === 18 || `${row?.count} rows`
      },
      NOTICED_WITHIN_MS,
    )
  })
  await eventually(
    'the platform publishes to them',
    async () => {
      const ranges = await admin.ranges(topic)
      const used = [...ranges].filter(([partition, { high }]) => partition > 1 && high > 0n)
      return used.length > 0 || `${used.length} are used`
    },
    NOTICED_WITHIN_MS,
  )
  await traffic.stop()
  expect(daemons.map((daemon) => daemon.isOver())).toEqual([false, false])
  await fixture.assertHistory()
})
