import { connect } from 'node:net'
import type { KafkaSettings } from '../../../src/infra/kafka/client/kafka-client.ts'

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

/**
 * Sockets on which requests of some kinds never reach the broker: it knows nothing of them, and the client is answered with the error of
 * that code. `errorFor` gives the code, or nothing for what goes through.
 */
export function socketsThatRefuse(
  errorFor: (request: keyof typeof replies) => number | undefined,
): NonNullable<KafkaSettings['socketFactory']> {
  return ({ host, port, onConnect }) => {
    const socket = connect({ host, port }, onConnect)
    const write = socket.write.bind(socket)
    return Object.assign(socket, {
      write: (request: Buffer, encoding: BufferEncoding) => {
        const kind = KINDS.get(request.readInt16BE(API_KEY_AT))
        const code = kind && errorFor(kind)
        if (kind === undefined || code === undefined) return write(request, encoding)
        const body = replies[kind](code)
        const head = Buffer.alloc(8)
        head.writeInt32BE(body.length + 4, 0)
        request.copy(head, 4, CORRELATION_ID_AT, CORRELATION_ID_AT + 4)
        setImmediate(() => socket.emit('data', Buffer.concat([head, body])))
        return true
      },
    })
  }
}

/** Behind the length of the request. */
const API_KEY_AT = 4
const CORRELATION_ID_AT = 8
const OFFSET_COMMIT = 8
const KINDS = new Map<number, keyof typeof replies>([
  [OFFSET_COMMIT, 'commit'],
  [11, 'join'],
  [12, 'heartbeat'],
])

/** What follows the correlation id, in the versions that kafkajs requests: nothing was throttled, then the code and nothing else. */
const replies = {
  commit: (code: number) => Buffer.concat([int32(0), int32(1), text('domain-events'), int32(1), int32(0), int16(code)]),
  join: (code: number) => Buffer.concat([int32(0), int16(code), int32(-1), text(''), text(''), text(''), int32(0)]),
  heartbeat: (code: number) => Buffer.concat([int32(0), int16(code)]),
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function text(value: string): Buffer {
  return Buffer.concat([int16(value.length), Buffer.from(value)])
}
