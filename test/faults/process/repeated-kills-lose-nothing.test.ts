import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/**
 * Fault: One of two daemons is killed with SIGKILL at random moments under traffic, five times, and replaced.
 * Promise: Nothing is lost; only work in flight may be done a second time.
 */
test('a daemon that is killed repeatedly loses nothing', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 11 })
  const staying = fixture.daemon()
  let falling = fixture.daemon()
  await Promise.all([staying.ready(), falling.ready()])

  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  for (let round = 0; round < 5; round++) {
    // How long it may live is what chance decides here.
    await pause(500 + fixture.random.below(3_000))
    await fixture.fault('a daemon is killed', ['daemon'], async () => {
      falling.kill('SIGKILL')
      await falling.exited
      falling = fixture.daemon()
      await falling.ready()
    })
  }
  await traffic.stop()
  expect(traffic.acknowledged).toBeGreaterThan(200)
  await fixture.assertHistory()
})
