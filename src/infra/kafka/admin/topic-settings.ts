import Decoder from 'kafkajs/src/protocol/decoder.js'
import Encoder from 'kafkajs/src/protocol/encoder.js'
import { createErrorFromCode } from 'kafkajs/src/protocol/error.js'
import { OperatorError } from '../../../std/failure.ts'
import type { Cluster } from '../patches/private-cluster.ts'

/**
 * Sets these settings of a topic and leaves its others as they are. The request of kafkajs, AlterConfigs, would reset every setting that it
 * does not name to the broker's default (KIP-339).
 *
 * @throws {OperatorError} with the broker's reason when it refuses a value.
 */
export async function alterTopicSettings(cluster: Cluster, topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
  await cluster.connect()
  // Any broker passes the request on to the controller.
  const broker = await cluster.brokerPool.findConnectedBroker()
  const { code, reason } = await broker.connectionPool.send(incrementalAlterConfigs(topic, settings))
  if (code === 0) return
  const error = createErrorFromCode(code)
  if (!VALUE_REFUSED.has(error.type)) throw error
  const wanted = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  throw new OperatorError(`topic "${topic}" cannot be set to ${wanted.join(', ')}: ${reason ?? error.message}`)
}

const VALUE_REFUSED = new Set(['INVALID_CONFIG', 'INVALID_REQUEST', 'POLICY_VIOLATION'])

/** https://kafka.apache.org/protocol#The_Messages_IncrementalAlterConfigs, by brokers since 2.3; version 0 has no tagged fields. */
const INCREMENTAL_ALTER_CONFIGS = 44
const TOPIC = 2
const SET = 0

interface Answer {
  readonly code: number
  readonly reason: string | null
}

function incrementalAlterConfigs(topic: string, settings: Readonly<Record<string, string>>) {
  return {
    request: {
      apiKey: INCREMENTAL_ALTER_CONFIGS,
      apiVersion: 0,
      apiName: 'IncrementalAlterConfigs',
      encode: async () => {
        const entries = Object.entries(settings)
        const body = new Encoder().writeInt32(1).writeInt8(TOPIC).writeString(topic).writeInt32(entries.length)
        for (const [name, value] of entries) body.writeString(name).writeInt8(SET).writeString(value)
        return body.writeBoolean(false) // not only validated
      },
    },
    response: {
      decode: async (payload: Buffer) => readAnswer(new Decoder(payload)),
      parse: async (answer: Answer) => answer,
    },
  }
}

function readAnswer(decoder: Decoder): Answer {
  decoder.readInt32() // throttle time
  if (decoder.readInt32() !== 1) throw new Error('the broker answers about more or fewer topics than one')
  return { code: decoder.readInt16(), reason: decoder.readString() }
}
