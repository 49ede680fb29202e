import { expect, test } from 'vitest'
import { createBroadcastScenario } from '../support/broadcast-scenario.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('two broadcasts take turns page by page: when half of all mails is sent, neither has waited for the other', async () => {
  // Both in one partition and published before the daemon is there, so that neither has a start.
  await using fixture = await createFixture({ partitions: 1 })
  const platform = new Platform(fixture.sql)
  const broadcasts = [await createBroadcastScenario(platform, fixture, 600), await createBroadcastScenario(platform, fixture, 600)]
  for (const broadcast of broadcasts) await broadcast.publish()
  await fixture.daemon({ KAFKA_START_FROM: 'earliest', BROADCAST_PAGE_SIZE: '50', BROADCAST_MAX_PENDING: '100' }).ready()
  await fixture.drained()

  const half = fixture.smtp.mails.slice(0, 600).flatMap(({ recipients }) => recipients)
  for (const { recipients } of broadcasts) expect(half.filter((address) => recipients.has(address)).length).toBeGreaterThan(150)
  expect(fixture.smtp.mails).toHaveLength(1_200)
})
