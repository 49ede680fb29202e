import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

/** kafkajs refreshes the topic's metadata with the next fetch once it is a minute old, and joins again. */
const NOTICED_WITHIN_MS = 240_000

test('partitions added under a running daemon are noticed within about a minute and read from their beginning', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const platform = new Platform(fixture.sql)
  const campaigns = await Promise.all(Array.from({ length: 12 }, () => platform.campaign()))
  const daemon = fixture.daemon()
  await daemon.ready()
  await fixture.admin.growTopic(fixture.topic, 4)
  // Keyed by campaign: a dozen of them reach the new partitions before any group knows of these.
  for (const campaign of campaigns) {
    const person = await platform.person(campaign)
    await fixture.publisher.publishUserSignedUp({ ...campaign, ...person })
  }
  const ranges = await fixture.admin.ranges(fixture.topic)
  expect([...ranges].filter(([partition, { high }]) => partition > 0 && high > 0n)).not.toEqual([])
  await eventually(
    'every partition has a row',
    async () => {
      const [rows] = await fixture.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.progress')
      return rows?.count === 12 || String(rows?.count)
    },
    NOTICED_WITHIN_MS,
  )
  await fixture.drained()
  expect(fixture.smtp.counters.mails).toBe(12)
})
