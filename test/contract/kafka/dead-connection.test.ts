import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import { kafkaSettings } from './source-fixture.ts'

test('a dead connection accumulates no listeners, however often kafkajs closes it', async () => {
  const sockets: Socket[] = []
  const { kafka } = createKafkaClient(
    {
      ...kafkaSettings(),
      socketFactory: ({ host, port, onConnect }) => {
        const socket = connect({ host, port }, onConnect)
        sockets.push(socket)
        return socket
      },
    },
    { retries: 0 },
  )
  const admin = kafka.admin()
  await admin.connect()
  await Promise.all(sockets.map((socket) => once(socket.destroy(), 'close')))
  const before = sockets.map((socket) => socket.listenerCount('connect'))
  // So often as it tries a broker that is away.
  for (let time = 0; time < 12; time += 1) await admin.disconnect()
  expect(sockets.length).toBeGreaterThan(0)
  expect(sockets.map((socket) => socket.listenerCount('connect'))).toEqual(before)
})
