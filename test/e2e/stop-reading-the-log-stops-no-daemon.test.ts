import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'

test('a daemon whose standard output and error nobody reads any more goes on, and still stops cleanly', async () => {
  await using scene = await setScene({ partitions: 1 })
  const daemon = scene.daemon()
  await daemon.ready()
  daemon.closeOutput()
  const platform = new Platform(scene.sql)
  const campaign = await platform.campaign()
  const people = await platform.crowd(campaign, 20)
  await scene.publisher.publishMany(people.map((person) => ({ type: 'user.signed_up', ...campaign, ...person })))
  await scene.settled()
  expect(scene.smtp.counters.mails).toBe(20)
  daemon.kill('SIGTERM')
  expect(await daemon.exited).toBe(0)
})
