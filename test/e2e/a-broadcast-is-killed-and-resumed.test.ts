import { expect, test } from 'vitest'
import { broadcastState, broadcastStory, expectBroadcastComplete } from '../support/broadcast-story.ts'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'

test('a broadcast whose daemon is killed between two pages goes on behind its cursor: none twice, none missing, and only those who may hear', async () => {
  await using scene = await setScene()
  const story = await broadcastStory(new Platform(scene.sql), scene, 3_000)
  const settings = { BROADCAST_PAGE_SIZE: '200', BROADCAST_MAX_PENDING: '400', MAIL_DEADLINE_MS: '1000' }
  const first = scene.daemon(settings)
  await first.ready()
  await story.publish()
  await eventually('a third is sent', () => scene.smtp.counters.mails > 1_000 || String(scene.smtp.counters.mails))
  first.kill('SIGKILL')
  expect(await first.exited).toBe('SIGKILL')
  const cut = await broadcastState(scene, story)
  expect(cut.state).not.toBe('delivered')
  expect(cut.written).toBeLessThan(3_000)

  await scene.daemon(settings).ready()
  await scene.settled()
  await expectBroadcastComplete(scene, story)
})
