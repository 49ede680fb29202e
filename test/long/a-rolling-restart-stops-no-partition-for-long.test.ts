import { expect, test } from 'vitest'
import { setScene } from '../support/scene.ts'
import { beginStories } from './demo-stories.ts'
import { tell } from './long-scale.ts'
import { watchProgress } from './progress-watch.ts'

test('a rolling restart of four daemons under traffic leaves no partition standing for more than 10 s', async () => {
  await using scene = await setScene({ partitions: 12, webhooks: { keepBodies: true } })
  await using stories = await beginStories(scene, 6)
  // The session as it is by default, which an operator would have.
  const settings = { LOG_LEVEL: 'info', KAFKA_SESSION_TIMEOUT_MS: '30000', KAFKA_HEARTBEAT_INTERVAL_MS: '3000' }
  const daemons = Array.from({ length: 4 }, () => scene.daemon(settings))
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  let over = false
  const telling = stories.tell(60, () => over)
  const watch = watchProgress(scene)
  const began = performance.now()
  for (const [place, leaving] of daemons.entries()) {
    leaving.kill('SIGTERM')
    expect(await leaving.exited).toBe(0)
    const coming = scene.daemon(settings)
    daemons[place] = coming
    await coming.ready()
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  over = true
  await telling
  const { comparison } = await stories.judge(120_000)
  const worst = await watch.stop()
  tell(
    `all four restarted in ${seconds} s; longest gap: ${[...worst].map(([group, { gapMs, partition }]) => `${group.split('.').at(-1)} ${(gapMs / 1000).toFixed(1)} s (partition ${partition})`).join(', ')}`,
  )
  expect(worst.size).toBe(3)
  for (const { gapMs } of worst.values()) expect(gapMs).toBeLessThan(10_000)
  expect(comparison.differences).toEqual([])
})
