import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createPublisherFixture } from './publisher-fixture.ts'

/**
 * Fault: Connections of an application to the broker are cut while it publishes: before a request, within it, and at the first byte of its
 * acknowledgement; then the broker refuses connections for a second.
 * Promise: Every event is in the log exactly once, those of a campaign in the order of the calls.
 */
test('a publisher sends each event once and in order, whichever of its connections are cut', async () => {
  await using fixture = await createPublisherFixture({ partitions: 3, timeoutMs: 120_000 })
  const { proxy, campaigns } = fixture
  const calls: Promise<unknown>[] = []
  let acknowledged = 0
  let isOver = false
  const traffic = (async () => {
    for (let count = 0; !isOver; count++) {
      for (const campaignId of campaigns) calls.push(fixture.publish(count, campaignId).then(() => (acknowledged += 1)))
      await pause(5)
    }
  })()
  const faults: readonly (() => Promise<void> | void)[] = [
    () => proxy.reset(),
    () => proxy.cutAfter(0, 'to-client', 'each'),
    () => proxy.cutAfter(300, 'to-server', 'each'),
    () => proxy.refuse(),
  ]
  for (let round = 0; round < 12; round++) {
    const before = acknowledged
    await eventually('events are acknowledged again', () => acknowledged > before + 20 || `${acknowledged} of ${calls.length}`)
    await faults[round % faults.length]?.()
    await pause(round % faults.length === 0 ? 0 : 1_000)
    await proxy.pass()
  }
  isOver = true
  await traffic
  await Promise.all(calls)
  const each = Array.from({ length: calls.length / campaigns.length }, (_, count) => count)
  expect(each.length).toBeGreaterThan(200)
  expect(await fixture.logged()).toEqual(new Map(campaigns.map((campaignId) => [campaignId, each])))
})
