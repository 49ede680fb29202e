import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'
import { doubledMails, createMixedEvents, wrongPositions } from '../support/mixed-events.ts'

test('while the relay is down positions continue and no attempt is counted; every mail is sent once it is back', async () => {
  await using fixture = await createFixture()
  const mixed = await createMixedEvents(new Platform(fixture.sql), fixture, 500)
  await fixture.smtp.halt()
  const daemon = fixture.daemon()
  await daemon.ready()
  await fixture.publisher.publishMany(mixed.events)
  await eventually('positions are recalculated without a relay', async () => {
    const wrong = await wrongPositions(fixture, 3)
    return wrong.length === 0 || `${wrong.length} wrong positions`
  })
  expect(fixture.smtp.counters.mails).toBe(0)
  const attempted = await fixture.sql.query(`SELECT id FROM worker.intents WHERE channel = 'email' AND attempt > 0`)
  expect(attempted).toEqual([])

  await fixture.smtp.resume()
  await fixture.drained()
  expect(fixture.smtp.counters.mails).toBe(mixed.mails)
  expect(doubledMails(fixture)).toEqual([])
})
