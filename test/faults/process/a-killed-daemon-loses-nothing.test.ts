import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { setFaultScene } from '../../support/faults/fault-scene.ts'

/**
 * Fault: One of two daemons is killed with SIGKILL at random moments under traffic, five times, and replaced.
 * Promise: Nothing is lost; only work in flight may be done a second time.
 */
test('a daemon that is killed repeatedly loses nothing', async () => {
  await using scene = await setFaultScene({ scenario: expect.getState().currentTestName, seed: 11 })
  const staying = scene.daemon()
  let falling = scene.daemon()
  await Promise.all([staying.ready(), falling.ready()])

  const traffic = scene.traffic({ eventsPerSecond: 40 })
  for (let round = 0; round < 5; round++) {
    // How long it may live is what chance decides here.
    await pause(500 + scene.random.below(3_000))
    await scene.fault('a daemon is killed', ['daemon'], async () => {
      falling.kill('SIGKILL')
      await falling.exited
      falling = scene.daemon()
      await falling.ready()
    })
  }
  await traffic.stop()
  expect(traffic.told).toBeGreaterThan(200)
  await scene.verdict()
})
