import { once } from 'node:events'
import { connect } from 'node:net'

export type KafkaMetadata = {
  readonly clusterId: string | null
  readonly controllerId: number
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[]
}

/**
 * Asks one broker who it is and whom it knows: a Metadata request v2 without topics (kafka.apache.org/protocol). By hand, because a client
 * would go on to the advertised address, and would log the refusals that are part of waiting for a start.
 *
 * @throws when nobody listens, the answer is no answer, or `signal` aborts
 */
export async function kafkaMetadata(port: number, signal: AbortSignal): Promise<KafkaMetadata> {
  const socket = connect({ host: '127.0.0.1', port, signal })
  try {
    await once(socket, 'connect', { signal })
    socket.write(metadataRequest())
    const chunks: Buffer[] = []
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      const answer = Buffer.concat(chunks)
      if (answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)) return readMetadata(answer)
    }
    throw new Error(`the connection to port ${port} ended before an answer`)
  } finally {
    socket.destroy()
  }
}

function metadataRequest(): Buffer {
  const client = Buffer.from('local-stack')
  const body = Buffer.alloc(14 + client.length)
  body.writeInt16BE(3, 0) // Metadata
  body.writeInt16BE(2, 2) // the first version with the cluster id
  body.writeInt32BE(1, 4) // correlation id
  body.writeInt16BE(client.length, 8)
  client.copy(body, 10)
  body.writeInt32BE(0, 10 + client.length) // no topics
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

function readMetadata(answer: Buffer): KafkaMetadata {
  let at = 8 // past size and correlation id
  const int32 = () => answer.readInt32BE((at += 4) - 4)
  const text = () => {
    const length = answer.readInt16BE((at += 2) - 2)
    return length < 0 ? null : answer.toString('utf8', at, (at += length))
  }
  const brokers = Array.from({ length: int32() }, () => {
    const broker = { id: int32(), host: text() ?? '', port: int32() }
    text() // rack
    return broker
  })
  return { clusterId: text(), controllerId: int32(), brokers }
}
