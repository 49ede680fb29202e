import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { brokerSockets } from '../../../src/infra/kafka/patches/broker-sockets.ts'
import type { ClientLog } from '../../../src/infra/kafka/client/client-log.ts'
import { createKafkaClient } from '../../../src/infra/kafka/client/kafka-client.ts'
import { kafkaSettings, createSourceFixture } from './source-fixture.ts'

const require = createRequire(import.meta.url)
const RequestQueue: { prototype: { checkPendingRequests(): void } } = require('kafkajs/src/network/requestQueue/index.js')
const Broker: { prototype: { fetch(request: { maxWaitTime: number }): Promise<unknown> } } = require('kafkajs/src/broker/index.js')

test('idle connections run no timer', async () => {
  await using s = await createSourceFixture()
  const checks = vi.spyOn(RequestQueue.prototype, 'checkPendingRequests')
  const member = s.member()
  await member.start()
  const beats = () => member.source.activity()?.fetches ?? 0
  const from = { beats: beats(), checks: checks.mock.calls.length }
  // Eight fetches that find nothing: two seconds of an idle log.
  await vi.waitFor(() => expect(beats()).toBeGreaterThan(from.beats + 16), { timeout: 100_000, interval: 25 })
  // One for each answer, and few more; kafkajs alone checks every connection a thousand times a second.
  expect(checks.mock.calls.length - from.checks).toBeLessThan(100)
})

test('a broker holds the fetches of a group without records for longer, until there is a record or a pause', async () => {
  await using s = await createSourceFixture()
  const fetches = vi.spyOn(Broker.prototype, 'fetch')
  const lastWait = () => fetches.mock.lastCall?.[0].maxWaitTime
  const member = s.member()
  await member.start()
  await vi.waitFor(() => expect(lastWait()).toBe(250), { timeout: 100_000 })
  await vi.waitFor(() => expect(lastWait()).toBe(1_000), { timeout: 100_000 })
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a']), { timeout: 100_000 })
  await vi.waitFor(() => expect(lastWait()).toBe(250), { timeout: 100_000 })
  await vi.waitFor(() => expect(lastWait()).toBe(1_000), { timeout: 100_000 })
  const passes = () => member.source.activity()?.fetches ?? 0
  member.source.pause()
  const from = passes()
  await vi.waitFor(() => expect(passes()).toBeGreaterThan(from + 2), { timeout: 100_000 })
  member.source.resume()
  await vi.waitFor(() => expect(lastWait()).toBe(250), { timeout: 100_000 })
  fetches.mockRestore()
})

test('an idle connection is closed without an error, and reopened for the next request', async () => {
  const lines: ClientLog[] = []
  const sockets: Socket[] = []
  const open = brokerSockets({ idleMs: 400 })
  const { kafka } = createKafkaClient(
    {
      ...kafkaSettings(),
      onLog: (line) => lines.push(line),
      socketFactory: (request) => {
        const socket = open(request)
        sockets.push(socket)
        return socket
      },
    },
    { retries: 0 },
  )
  const admin = kafka.admin()
  await admin.connect()
  await admin.listTopics()
  await Promise.all(sockets.filter((socket) => !socket.closed).map((socket) => once(socket, 'close')))
  const before = sockets.length
  await admin.listTopics()
  expect(sockets.length).toBeGreaterThan(before)
  await admin.disconnect()
  expect(lines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
})
