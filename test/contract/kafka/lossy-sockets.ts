import { connect } from 'node:net'
import type { KafkaSettings } from '../../../src/infra/kafka/client.ts'

/** Sockets that go down, as the line does, at each commit that is written while `isDown()`: the broker never sees it. */
export function socketsWithoutCommits(isDown: () => boolean): NonNullable<KafkaSettings['socketFactory']> {
  return ({ host, port, onConnect }) => {
    const socket = connect({ host, port }, onConnect)
    const write = socket.write.bind(socket)
    return Object.assign(socket, {
      write: (request: Buffer, encoding: BufferEncoding) => {
        if (request.readInt16BE(API_KEY_AT) !== OFFSET_COMMIT || !isDown()) return write(request, encoding)
        socket.destroy(new Error('the line is down'))
        return false
      },
    })
  }
}

/** Behind the length of the request. */
const API_KEY_AT = 4
const OFFSET_COMMIT = 8
