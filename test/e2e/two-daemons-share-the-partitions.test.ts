import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { Platform } from '../support/platform.ts'
import { setScene } from '../support/scene.ts'
import { doubledMails, mixedStory, wrongPositions } from '../support/story.ts'
import type { Daemon } from '../support/daemon.ts'

/** Partitions of the group in the daemon's latest join. */
function owned(daemon: Daemon, group: string): readonly number[] {
  const joined = daemon.lines.findLast((line) => line.msg === 'group joined' && line['group'] === group)
  const partitions = joined?.['partitions']
  return Array.isArray(partitions) ? partitions.map(Number) : []
}

test('two daemons share the partitions; when one leaves in mid-stream the other takes all, and nothing is lost or doubled', async () => {
  await using scene = await setScene()
  const story = await mixedStory(new Platform(scene.sql), scene, 1_000, 10)
  const group = scene.group('email-workers')
  const [one, two] = [scene.daemon(), scene.daemon()]
  await Promise.all([one.ready(), two.ready()])
  await eventually('each has its share', () => {
    const shares = [owned(one, group), owned(two, group)]
    return (shares.every((share) => share.length === 2) && new Set(shares.flat()).size === 4) || JSON.stringify(shares)
  })

  await scene.publisher.publishMany(story.events)
  await eventually('both are in mid-stream', () => scene.smtp.counters.mails > 100 || String(scene.smtp.counters.mails))
  one.kill('SIGTERM')
  expect(await one.exited).toBe(0)
  await eventually('the other has all', () => owned(two, group).length === 4 || JSON.stringify(owned(two, group)))
  await scene.settled()

  expect(scene.smtp.counters.mails).toBe(story.mails)
  expect(doubledMails(scene)).toEqual([])
  expect(await wrongPositions(scene, 3)).toEqual([])
})
