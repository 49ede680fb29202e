import { createRequire } from 'node:module'
import { connect } from 'node:net'

const require = createRequire(import.meta.url)
const encode: (request: object) => Promise<{ buffer: Buffer }> = require('kafkajs/src/protocol/request.js')

/** Sends one request of the protocol to a broker (`127.0.0.1:port`), as no client of ours would; resolves to the body of its response. */
export async function sendRaw(broker: string, request: object): Promise<Buffer> {
  const { buffer } = await encode({ correlationId: 1, clientId: 'test', request })
  const url = new URL(`kafka://${broker}`)
  const socket = connect(Number(url.port), url.hostname)
  try {
    socket.write(buffer)
    let response = Buffer.alloc(0)
    for await (const chunk of socket) {
      if (Buffer.isBuffer(chunk)) response = Buffer.concat([response, chunk])
      if (response.length >= 4 && response.length >= 4 + response.readInt32BE()) return response.subarray(8)
    }
    throw new Error(`${broker} closed the connection before it had answered`)
  } finally {
    socket.destroy()
  }
}

/** Puts a member out of its group behind its back; `broker` coordinates the group. */
export async function evict(broker: string, groupId: string, memberId: string): Promise<void> {
  const leaveGroup: (body: object) => object = require('kafkajs/src/protocol/requests/leaveGroup/v0/request.js')
  await sendRaw(broker, leaveGroup({ groupId, memberId }))
}
