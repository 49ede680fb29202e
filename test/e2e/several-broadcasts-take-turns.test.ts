import { expect, test } from 'vitest'
import { broadcastStory } from '../support/broadcast-story.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'

test('two broadcasts take turns page by page: when half of all mails is sent, neither has waited for the other', async () => {
  await using scene = await setScene()
  const platform = new Platform(scene.sql)
  const stories = [await broadcastStory(platform, scene, 600), await broadcastStory(platform, scene, 600)]
  // Before the daemon is there, so that neither has a start.
  for (const story of stories) await story.publish()
  await scene.daemon({ KAFKA_START_FROM: 'earliest', BROADCAST_PAGE_SIZE: '50', BROADCAST_MAX_PENDING: '100' }).ready()
  await scene.settled()

  const half = scene.smtp.mails.slice(0, 600).flatMap(({ recipients }) => recipients)
  for (const { recipients } of stories) expect(half.filter((address) => recipients.has(address)).length).toBeGreaterThan(200)
  expect(scene.smtp.mails).toHaveLength(1_200)
})
