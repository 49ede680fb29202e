import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'

const require = createRequire(import.meta.url)
const encode: (request: object) => Promise<{ buffer: Buffer }> = require('kafkajs/src/protocol/request.js')

/** Sends one request of the protocol to a broker (`127.0.0.1:port`), as no client of ours would, and waits until it is answered. */
export async function sendRaw(broker: string, request: object): Promise<void> {
  const { buffer } = await encode({ correlationId: 1, clientId: 'test', request })
  const url = new URL(`kafka://${broker}`)
  const socket = connect(Number(url.port), url.hostname)
  try {
    socket.end(buffer)
    await once(socket, 'data')
  } finally {
    socket.destroy()
  }
}

/** Puts a member out of its group behind its back; `broker` coordinates the group. */
export async function evict(broker: string, groupId: string, memberId: string): Promise<void> {
  const leaveGroup: (body: object) => object = require('kafkajs/src/protocol/requests/leaveGroup/v0/request.js')
  await sendRaw(broker, leaveGroup({ groupId, memberId }))
}
