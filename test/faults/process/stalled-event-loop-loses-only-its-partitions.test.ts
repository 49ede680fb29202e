import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/** Time enough for the session to end, and for the other daemon to join alone, on a busy machine. */
const STALL_MS = 20_000

/**
 * Fault: The event loop of one of two daemons stalls in the middle of its work for longer than its session of 6 s, and its heartbeats with
 * it.
 * Promise: The other daemon takes over. The stalled one detects that its membership has ended and rejoins; nothing is lost or doubled.
 */
test('an event loop that stalls for longer than the session loses its partitions and rejoins, and nothing is lost or doubled', async () => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed: 22 })
  const staying = fixture.daemon()
  const stalling = fixture.daemon({}, { stallAt: { fact: 'accepted', group: 'email-workers', nth: 5, ms: STALL_MS } })
  await Promise.all([staying.ready(), stalling.ready()])
  const joins = () => stalling.lines.filter(({ msg }) => msg === 'group joined').length
  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  await fixture.fault('an event loop stalls', ['daemon'], async () => {
    await eventually('it stalls', () => stalling.other.some((line) => line.startsWith(`observed: stalls for ${STALL_MS} ms`)) || 'not yet')
    const before = joins()
    await eventually(
      'the other has all partitions of a group',
      () =>
        staying.lines.some(
          ({ msg, partitions, epoch }) => msg === 'group joined' && Number(epoch) > 1 && String(partitions) === '0,1,2,3',
        ) || 'not yet',
    )
    await eventually('it has joined its groups again', () => joins() >= before + 3 || `${joins() - before}`)
  })
  await traffic.stop()
  await fixture.assertHistory()
})
