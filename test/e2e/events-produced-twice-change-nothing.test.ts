import { expect, test } from 'vitest'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'
import { doubledMails, effects, mixedStory, wrongPositions } from '../support/story.ts'

test('5,000 events produced twice change nothing the second time', async () => {
  await using scene = await setScene()
  const story = await mixedStory(new Platform(scene.sql), scene, 5_000)
  await scene.daemon({ LOG_LEVEL: 'info' }).ready()

  await scene.publisher.publishMany(story.events)
  await scene.settled(120_000)
  const once = await effects(scene)
  expect(scene.smtp.counters.mails).toBe(story.mails)
  expect(doubledMails(scene)).toEqual([])
  expect(await wrongPositions(scene, 3)).toEqual([])

  await scene.publisher.publishMany(story.events)
  await scene.settled(120_000)
  expect(await effects(scene)).toEqual(once)
})
