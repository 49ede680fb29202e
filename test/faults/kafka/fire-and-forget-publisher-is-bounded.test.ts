import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import type { DroppedEvent } from '../../../src/publisher/connect-publisher.ts'
import { createPublisherFixture } from './publisher-fixture.ts'

/**
 * Fault: The broker refuses the connections of an application that publishes by fire and forget more than its memory may hold.
 * Promise: No call waits; events that exceed the limits are dropped, counted and reported, and all others are in the log once, in order. A
 * close publishes what is left, and gives it up at its deadline.
 */
test('a fire-and-forget publisher drops only what exceeds its memory, and close publishes the rest', async () => {
  const drops: DroppedEvent[] = []
  await using fixture = await createPublisherFixture({
    mode: 'fire-and-forget',
    maxBufferedEvents: 300,
    closeTimeoutMs: 200_000,
    onDrop: (event) => drops.push(event),
  })
  const { proxy, publisher, campaigns } = fixture
  for (let count = 0; count < 100; count++) await fixture.publish(count)
  await eventually(
    'the first events are in the log',
    async () => (await fixture.logged()).get(campaigns[0] ?? '')?.length === 100 || 'not yet',
  )

  await proxy.refuse()
  // A call that waited would wait until there is a broker again, which is after all of them.
  for (let count = 100; count < 1_000; count++) await fixture.publish(count)
  expect(publisher.dropped).toBe(600)
  expect(drops).toHaveLength(600)
  expect(new Set(drops.map(({ reason }) => reason))).toEqual(new Set(['full']))

  await proxy.pass()
  await publisher.close()
  expect(publisher.dropped).toBe(600)
  expect((await fixture.logged()).get(campaigns[0] ?? '')).toEqual(Array.from({ length: 400 }, (_, count) => count))
})

test('a close without Kafka ends at its deadline, and counts what it gives up', async () => {
  const drops: DroppedEvent[] = []
  await using fixture = await createPublisherFixture({
    mode: 'fire-and-forget',
    closeTimeoutMs: 1_500,
    onDrop: (event) => drops.push(event),
  })
  await fixture.proxy.refuse()
  for (let count = 0; count < 50; count++) await fixture.publish(count)
  const startedAt = performance.now()
  await fixture.publisher.close()
  const tookMs = performance.now() - startedAt
  expect(tookMs).toBeGreaterThan(1_400)
  // The Kafka client gives a request up after 30 s.
  expect(tookMs).toBeLessThan(30_000)
  expect(fixture.publisher.dropped).toBe(50)
  expect(new Set(drops.map(({ reason }) => reason))).toEqual(new Set(['closed']))
})
