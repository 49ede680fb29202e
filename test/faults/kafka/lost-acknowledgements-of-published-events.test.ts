import { expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { createFaultFixture } from '../../support/faults/fault-fixture.ts'

/**
 * Fault: Connections to the broker are reset at the first byte of a response, several times under load: the published events are in the
 * log, their acknowledgement is lost, and the producer sends them again.
 * Promise: The log holds events twice, and each has its effects once.
 */
test('publishing with lost acknowledgements puts events into the log twice, and each has its effects once', async () => {
  await using fixture = await createFaultFixture({
    scenario: expect.getState().currentTestName,
    seed: 42,
    ownKafka: true,
    publishesThroughProxies: true,
  })
  const { admin, topic } = fixture.base
  const [proxy] = fixture.proxies.kafka
  const inLog = async () => [...(await admin.ranges(topic)).values()].reduce((sum, { high }) => sum + Number(high), 0)
  await fixture.daemon().ready()
  const traffic = fixture.traffic({ eventsPerSecond: 40 })
  for (let round = 0; round < 4; round++) {
    const before = traffic.acknowledged
    await eventually('traffic is under way', () => traffic.acknowledged > before + 25 || `${traffic.acknowledged} events`)
    await fixture.fault('acknowledgements are cut', ['kafka'], async () => {
      const sent = await inLog()
      proxy?.cutAfter(0, 'to-client', 'each')
      await eventually('the log holds unacknowledged records', async () => (await inLog()) > sent || `${sent} records`)
      await proxy?.pass()
    })
  }
  await traffic.stop()
  const reported = traffic.acknowledged
  await fixture.drained()
  expect(await inLog()).toBeGreaterThan(reported)
  await fixture.assertHistory()
})
