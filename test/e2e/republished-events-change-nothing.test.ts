import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails, effects, createMixedEvents, wrongPositions } from '../support/mixed-events.ts'

test('publishing 5,000 events a second time changes nothing', async () => {
  await using fixture = await createFixture()
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 5_000)
  await fixture.daemon({ LOG_LEVEL: 'info' }).ready()

  await fixture.publisher.publishMany(mixed.events)
  await fixture.drained()
  const once = await effects(fixture)
  expect(fixture.smtp.counters.mails).toBe(mixed.mails)
  expect(doubledMails(fixture)).toEqual([])
  expect(await wrongPositions(fixture, 3)).toEqual([])

  await fixture.publisher.publishMany(mixed.events)
  await fixture.drained()
  expect(await effects(fixture)).toEqual(once)
})
