import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/** Without a reply a request waits for its timeout, and a group then waits for members that are not coming: up to a minute. */
const RECOVERY_MS = 300_000

/**
 * Fault: The broker is unreachable for a minute: connections are refused, or accepted and never served. The platform publishes around the
 * fault.
 * Promise: No daemon exits or reports itself dead, and nothing is given up. When the broker is reachable again, everything that arrived
 * meanwhile is processed without intervention.
 */
test.each([
  { how: 'refuse', seed: 36 },
  { how: 'blackHole', seed: 37 },
] as const)('a broker that is unreachable for a minute costs only time: $how', async ({ how, seed }) => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed,
    ownKafka: true,
    promises: { recoveryMs: RECOVERY_MS },
  })
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const [proxy] = fixture.proxies.kafka
  const traffic = fixture.traffic({ eventsPerSecond: 20 })
  const accepted = async () => {
    const [row] = await fixture.base.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.outcomes')
    return row?.count ?? 0
  }
  await eventually('events are accepted', async () => (await accepted()) > 40 || String(await accepted()))

  await fixture.fault(`the broker is away: ${how}`, ['kafka'], async () => {
    await proxy?.[how]()
    const [atFirst, reported] = [await accepted(), traffic.acknowledged]
    // The scenario is an outage of one minute.
    await pause(60_000)
    // Only records that had been fetched are accepted; none of the hundreds of events since are.
    expect((await accepted()) - atFirst).toBeLessThan(300)
    expect(traffic.acknowledged - reported).toBeGreaterThan(400)
    await proxy?.pass()
  })
  await traffic.stop()
  await fixture.drained(RECOVERY_MS)
  expect(daemons.map((daemon) => daemon.isOver())).toEqual([false, false])
  for (const { lines } of daemons) {
    const stopped = lines.filter(({ msg }) => msg === 'group stopped')
    expect(stopped).toEqual([])
  }
  await fixture.assertHistory()
})
