import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'
import { viewCluster } from '../../support/kafka-cluster.ts'

/**
 * Fault: Of three brokers, the one that coordinates a group and leads partitions is killed under load.
 * Promise: The others take over, the groups continue while it is away, and nothing is lost or doubled.
 */
test('the broker that coordinates and leads is killed under load: another one takes over, and the groups continue without it', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 33,
    partitions: 4,
    ownKafka: { brokers: 3 },
  })
  const daemons = [fixture.daemon(), fixture.daemon()]
  await Promise.all(daemons.map((daemon) => daemon.ready()))
  const group = fixture.base.group('email-workers')
  await using view = await viewCluster(fixture.servers.kafka?.bootstrap ?? [])
  const brokers = fixture.servers.kafka?.brokers ?? []

  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  const accepted = async () => {
    const [row] = await fixture.base.sql.query<{ count: number }>('SELECT count(*)::int AS count FROM worker.outcomes')
    return row?.count ?? 0
  }
  const goesOn = async (events: number) => {
    const before = (await accepted()) + events
    await eventually('events are accepted', async () => (await accepted()) >= before || `${await accepted()} of ${before}`)
  }
  await goesOn(40)
  const id = await view.coordinator(group)
  const broker = brokers[id - 1]
  if (!broker) throw new Error('the group has no coordinator')
  await fixture.fault(`broker ${id} is killed, which coordinates`, ['kafka'], async () => {
    await broker.kill()
    await eventually('others coordinate and lead', async () => {
      const [coordinator, leaders] = [await view.coordinator(group), await view.leaders(fixture.base.topic)]
      return ![coordinator, ...leaders.values()].includes(id) || `${coordinator} coordinates, ${[...leaders.values()].join(' ')} lead`
    })
    await goesOn(40)
    await broker.start()
  })
  await traffic.stop()
  expect(daemons.map((daemon) => daemon.isOver())).toEqual([false, false])
  await fixture.assertHistory()
})
