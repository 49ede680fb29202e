import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { setFaultScene } from '../../support/faults/fault-scene.ts'

/**
 * Fault: The only broker is stopped in order, or killed, and restarted under load.
 * Promise: Nothing is lost or doubled, no daemon exits, and the groups continue by themselves.
 */
test.each([
  { how: 'stop', seed: 31 },
  { how: 'kill', seed: 32 },
] as const)('a broker that restarts under load costs only time: $how', async ({ how, seed }) => {
  await using scene = await setFaultScene({ scenario: expect.getState().currentTestName, seed, ownKafka: true })
  const daemons = [scene.daemon(), scene.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const [broker] = scene.servers.kafka?.brokers ?? []
  if (!broker) throw new Error('there is no broker')

  const traffic = scene.traffic({ eventsPerSecond: 60 })
  await eventually('traffic is under way', () => traffic.told > 60 || `${traffic.told} events`)
  await scene.fault(`the broker restarts: ${how}`, ['kafka'], async () => {
    const was = broker.pid()
    await broker[how]()
    await broker.start()
    expect(broker.pid()).not.toBe(was)
  })
  const before = traffic.told
  await eventually('traffic goes on', () => traffic.told > before + 30 || `${traffic.told} events`)
  await traffic.stop()
  await scene.drained()
  expect(daemons.map((daemon) => daemon.isOver())).toEqual([false, false])
  await scene.verdict()
})
