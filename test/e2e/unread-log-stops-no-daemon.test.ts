import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { createFixture } from '../support/fixture.ts'

test('a daemon whose standard output and error are no longer read continues, and stops cleanly', async () => {
  await using fixture = await createFixture({ partitions: 1 })
  const daemon = fixture.daemon()
  await daemon.ready()
  daemon.closeOutput()
  const platform = new Platform(fixture.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 20)
  await fixture.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  await fixture.drained()
  expect(fixture.smtp.counters.mails).toBe(20)
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})
