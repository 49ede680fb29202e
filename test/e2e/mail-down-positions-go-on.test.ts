import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'
import { doubledMails, mixedStory, wrongPositions } from '../support/story.ts'

test('SMTP down for a while: positions go on, no attempt is burned, and every mail goes out once it is back', async () => {
  await using scene = await setScene()
  const story = await mixedStory(new Platform(scene.sql), scene, 500)
  await scene.smtp.halt()
  const daemon = scene.daemon()
  await daemon.ready()
  await scene.publisher.publishMany(story.events)
  await eventually('positions are recalculated without a relay', async () => {
    const wrong = await wrongPositions(scene, 3)
    return wrong.length === 0 || `${wrong.length} wrong positions`
  })
  expect(scene.smtp.counters.mails).toBe(0)
  const attempted = await scene.sql.query(`SELECT id FROM worker.intents WHERE channel = 'email' AND attempt > 0`)
  expect(attempted).toEqual([])

  await scene.smtp.resume()
  await scene.settled()
  expect(scene.smtp.counters.mails).toBe(story.mails)
  expect(doubledMails(scene)).toEqual([])
})
