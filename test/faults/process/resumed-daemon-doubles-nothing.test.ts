import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

const FROZEN_MS = 9_000

/**
 * Fault: The daemon that owns every partition is frozen (SIGSTOP) under traffic for longer than its session of 6 s and its leases. Another
 * daemon takes over, and the first is resumed (SIGCONT) with all the work it held.
 * Promise: Its partitions and claims belong to the other daemon. It commits nothing of its old membership and accepts nothing twice; its
 * work in flight is either recorded late or dropped.
 */
test('a daemon frozen for longer than its session, resumed beside its successor, doubles nothing', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 21 })
  const sleeper = fixture.daemon()
  await sleeper.ready()
  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  await eventually('it works', () => traffic.acknowledged > 60 || String(traffic.acknowledged))
  const joins = () => sleeper.lines.filter(({ msg }) => msg === 'group joined').length
  const before = joins()
  await fixture.fault('a daemon is frozen', ['daemon'], async () => {
    sleeper.kill('SIGSTOP')
    const other = fixture.daemon()
    // The length of the fault itself.
    await Promise.all([other.ready(), pause(FROZEN_MS)])
    await eventually('the other has every partition', () => {
      const shares = other.lines.filter(({ msg }) => msg === 'group joined').map(({ partitions }) => JSON.stringify(partitions))
      return shares.includes('[0,1,2,3]') || shares.join(' ')
    })
    sleeper.kill('SIGCONT')
    await eventually('it has joined its groups again', () => joins() >= before + 3 || `${joins() - before}`)
  })
  expect(sleeper.lines.filter(({ msg }) => msg === 'assignment ended').length).toBeGreaterThanOrEqual(3)
  await traffic.stop()
  await fixture.assertHistory()
})
