import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createEventProducer } from '../../../src/infra/kafka/producer/kafka-event-transport.ts'
import { createKafkaAdmin } from '../../../src/infra/kafka/admin/kafka-admin.ts'
import { startKafka } from '../../../stack/kafka-broker.ts'
import { eventually } from '../../support/eventually.ts'
import { freshTopicName } from '../../support/fresh.ts'

/**
 * Fault: The connections to a broker become half-open: they stay open, and nothing passes through them.
 * Promise: They are closed although every retry writes into them, and work continues over new connections.
 */
test('a half-open connection is closed, although every retry writes into it', async () => {
  await using line = await lineThatForgets()
  const kafka = await startKafka({ advertise: async ({ port }) => line.to(port) })
  const settings = { brokers: [...kafka.bootstrap], clientId: 'faults', requestTimeoutMs: 1_000 }
  const admin = createKafkaAdmin(settings)
  const producer = createEventProducer(settings)
  try {
    const topic = freshTopicName()
    await admin.createTopic({ name: topic, partitions: 1 })
    await producer.connect()
    const send = () => producer.send(topic, [{ key: 'k', value: Buffer.from('v'), headers: {} }])
    await send()
    line.forget()
    const before = line.accepted()
    await expect(send()).rejects.toThrow('timed out')
    await eventually('the producer reconnects', () => send().then(() => true, String))
    expect(line.accepted()).toBeGreaterThan(before)
  } finally {
    await producer.disconnect()
    await admin.disconnect()
    await kafka.stop()
  }
})

/** Stands before a broker; `forget` leaves the connections that there are open and passes nothing on them forever: a cable that was cut. */
async function lineThatForgets() {
  const open = new Set<Socket>()
  let target = 0
  let accepted = 0
  const server = createServer((client) => {
    accepted += 1
    const broker = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      open.add(from)
      from.pipe(to)
      // When one end is gone, the other one learns it by its own close.
      from.on('error', () => to.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    to: (port: number) => {
      target = port
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('no port')
      return address.port
    },
    accepted: () => accepted,
    forget: () => {
      for (const socket of open) socket.unpipe().pause()
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}
