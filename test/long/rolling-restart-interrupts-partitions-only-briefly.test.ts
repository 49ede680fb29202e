import { expect, test } from 'vitest'
import { createFixture } from '../support/fixture.ts'
import { startDemoScenarios } from './demo-scenarios.ts'
import { writeLine } from './long-scale.ts'
import { watchProgress } from './progress-watch.ts'

/** Twice the default, so that a busy machine does not make a leave look like a session that ended. */
const SESSION_MS = 60_000

test('a rolling restart of four daemons under traffic interrupts no partition for more than half of the session timeout', async () => {
  await using fixture = await createFixture({ partitions: 12, webhooks: { keepBodies: true } })
  await using scenarios = await startDemoScenarios(fixture, 6)
  const settings = { LOG_LEVEL: 'info', KAFKA_SESSION_TIMEOUT_MS: String(SESSION_MS), KAFKA_HEARTBEAT_INTERVAL_MS: '3000' }
  const daemons = Array.from({ length: 4 }, () => fixture.daemon(settings))
  await Promise.all(daemons.map((daemon) => daemon.ready()))

  let over = false
  const telling = scenarios.publish(60, () => over)
  const watch = watchProgress(fixture)
  const began = performance.now()
  for (const [place, leaving] of daemons.entries()) {
    leaving.kill('SIGTERM')
    expect(await leaving.exited).toBe(0)
    const coming = fixture.daemon(settings)
    daemons[place] = coming
    await coming.ready()
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  over = true
  await telling
  const { comparison } = await scenarios.compare(300_000)
  const worst = await watch.stop()
  writeLine(
    `all four restarted in ${seconds} s; longest gap: ${[...worst].map(([group, { gapMs, partition }]) => `${group.split('.').at(-1)} ${(gapMs / 1000).toFixed(1)} s (partition ${partition})`).join(', ')}`,
  )
  expect(worst.size).toBe(3)
  // Each leave and each join is noticed at a heartbeat, and three in a row take up to 10 s. A member that did not leave would take a whole
  // session.
  for (const { gapMs } of worst.values()) expect(gapMs).toBeLessThan(SESSION_MS / 2)
  expect(comparison.differences).toEqual([])
})
