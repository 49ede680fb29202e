import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/**
 * Fault: The only broker is stopped in order, or killed, and restarted under load.
 * Promise: Nothing is lost or doubled, no daemon exits, and the groups continue by themselves.
 */
test.each([
  { how: 'stop', seed: 31 },
  { how: 'kill', seed: 32 },
] as const)('a broker that restarts under load costs only time: $how', async ({ how, seed }) => {
  await using fixture = await createFaultFixture({ scenario: expect.getState().currentTestName, seed, ownKafka: true })
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const [broker] = fixture.servers.kafka?.brokers ?? []
  if (!broker) throw new Error('there is no broker')

  const traffic = fixture.traffic({ eventsPerSecond: 60 })
  await eventually('traffic is under way', () => traffic.acknowledged > 60 || `${traffic.acknowledged} events`)
  await fixture.fault(`the broker restarts: ${how}`, ['kafka'], async () => {
    const was = broker.pid()
    await broker[how]()
    await broker.start()
    expect(broker.pid()).not.toBe(was)
  })
  const before = traffic.acknowledged
  await eventually('traffic goes on', () => traffic.acknowledged > before + 30 || `${traffic.acknowledged} events`)
  await traffic.stop()
  await fixture.drained()
  expect(daemons.map((daemon) => daemon.isOver())).toEqual([false, false])
  await fixture.assertHistory()
})
