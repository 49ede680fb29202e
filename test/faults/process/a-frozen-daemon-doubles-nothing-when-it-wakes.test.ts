import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { setFaultScene } from '../../support/faults/fault-scene.ts'

const FROZEN_MS = 9_000

/**
 * Fault: the daemon that has every partition is frozen (SIGSTOP) under traffic for longer than its session of 6 s and its leases; another
 * takes over; then it goes on (SIGCONT) with all that it held.
 * Promise: its partitions and claims belong to others: it commits nothing of its old membership, accepts nothing a second time, and what it
 * had in hand is either recorded late or dropped.
 */
test('a daemon that is frozen for longer than its session, and wakes beside the one that took over, doubles nothing', async () => {
  await using scene = await setFaultScene({ scenario: expect.getState().currentTestName, seed: 21 })
  const sleeper = scene.daemon()
  await sleeper.ready()
  const traffic = scene.traffic({ eventsPerSecond: 40 })
  await eventually('it works', () => traffic.told > 60 || String(traffic.told))
  const joins = () => sleeper.lines.filter(({ msg }) => msg === 'group joined').length
  const before = joins()
  await scene.fault('a daemon is frozen', ['daemon'], async () => {
    sleeper.kill('SIGSTOP')
    const other = scene.daemon()
    // The length of the fault itself.
    await Promise.all([other.ready(), pause(FROZEN_MS)])
    const shares = other.lines.filter(({ msg }) => msg === 'group joined').map(({ partitions }) => partitions)
    expect(shares).toContainEqual([0, 1, 2, 3])
    sleeper.kill('SIGCONT')
    await eventually('it has joined its groups again', () => joins() >= before + 3 || `${joins() - before}`)
  })
  expect(sleeper.lines.filter(({ msg }) => msg === 'assignment ended').length).toBeGreaterThanOrEqual(3)
  await traffic.stop()
  await scene.verdict()
})
