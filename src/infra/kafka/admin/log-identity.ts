import Decoder from 'kafkajs/src/protocol/decoder.js'
import Encoder from 'kafkajs/src/protocol/encoder.js'
import type { Broker, Cluster } from '../patches/private-cluster.ts'

/** A topic as brokers since 2.8 describe it, with what kafkajs 2.2.4 does not request: its id and the epochs of its leaders. */
export interface TopicDescription {
  readonly id: string
  readonly leaders: ReadonlyMap<number, { readonly node: number; readonly epoch: number }>
  /** Kafka's code; 0: none. */
  readonly error: number
  /** Bits of the operations that our user may do (KIP-430); meaningless unless they were requested. */
  readonly operations: number
}

/** Reads what distinguishes one log from another of the same name, with requests that kafkajs does not support. */
export class LogIdentity {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** The topic's id, or null when the brokers are older than 2.8 and have none. */
  async topicId(topic: string): Promise<string | null> {
    return (await this.#describe(topic))?.id ?? null
  }

  /**
   * Where a leader epoch, and all epochs before it, end in the current log; null when the brokers know only older epochs. A partition is
   * missing when it has no leader or its leader does not know the epoch.
   */
  async epochEnds(topic: string, epochs: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, bigint | null>> {
    const ends = new Map<number, bigint | null>()
    const description = epochs.size === 0 ? null : await this.#describe(topic)
    if (description === null) return ends
    const byLeader = new Map<number, EpochQuery[]>()
    for (const [partition, epoch] of epochs) {
      const leader = description.leaders.get(partition)
      if (leader === undefined) continue
      // The broker lags behind the others, or the cluster was restored to an older state: its answer would not be about our log.
      if (leader.epoch < epoch) ends.set(partition, null)
      else byLeader.set(leader.node, [...(byLeader.get(leader.node) ?? []), { partition, epoch, leaderEpoch: leader.epoch }])
    }
    for (const [nodeId, queries] of byLeader) {
      const broker = await this.#cluster.findBroker({ nodeId: String(nodeId) })
      for (const [partition, end] of await broker.connectionPool.send(epochEndsProtocol(topic, queries))) ends.set(partition, end)
    }
    return ends
  }

  async #describe(topic: string): Promise<TopicDescription | null> {
    await this.#cluster.connect()
    await this.#cluster.addTargetTopic(topic)
    const broker: Broker = await this.#cluster.brokerPool.findConnectedBroker()
    if ((broker.versions?.[METADATA]?.maxVersion ?? 0) < METADATA_VERSION) return null
    const description = await broker.connectionPool.send(metadataProtocol(topic))
    requireNoError(description.error, 'the metadata of a topic')
    return description
  }
}

interface EpochQuery {
  readonly partition: number
  readonly epoch: number
  /** The leader's epoch according to the metadata: a broker that is no longer or not yet the leader refuses the query. */
  readonly leaderEpoch: number
}

/** https://kafka.apache.org/protocol#The_Messages_Metadata; version 10 is the first with topic ids. */
export const METADATA = 3
export const METADATA_VERSION = 10
/** https://kafka.apache.org/protocol#The_Messages_OffsetForLeaderEpoch; version 3 is the last without tagged fields. */
const OFFSET_FOR_LEADER_EPOCH = 23
const OFFSET_FOR_LEADER_EPOCH_VERSION = 3
const CONSUMER_REPLICA = -1

/** Requests the description of a topic, with the operations that our user may do on it if they are wanted. Creates nothing. */
export function metadataProtocol(topic: string, { operations = false } = {}) {
  return {
    request: {
      apiKey: METADATA,
      apiVersion: METADATA_VERSION,
      apiName: 'Metadata',
      encode: async () => {
        const body = new Encoder()
          .writeUVarInt(0) // the header's tags, which kafkajs does not write
          .writeUVarInt(2) // one topic
          .writeBuffer(Buffer.alloc(16)) // no id: the topic is requested by name
          .writeUVarIntString(topic)
          .writeUVarInt(0)
        // Do not create the topic; the operations allowed on the cluster are not listed.
        return body.writeBoolean(false).writeBoolean(false).writeBoolean(operations).writeUVarInt(0)
      },
    },
    response: {
      decode: async (payload: Buffer) => readMetadata(new Decoder(payload)),
      parse: async (topic: TopicDescription) => topic,
    },
  }
}

function readMetadata(decoder: Decoder): TopicDescription {
  skipTags(decoder)
  decoder.readInt32() // throttle time
  readMany(decoder, () => {
    decoder.readInt32()
    decoder.readUVarIntString()
    decoder.readInt32()
    decoder.readUVarIntString()
    skipTags(decoder)
  })
  decoder.readUVarIntString() // cluster id
  decoder.readInt32() // controller
  const [topic] = readMany(decoder, () => {
    const error = decoder.readInt16()
    decoder.readUVarIntString()
    const id = decoder.readBytes(16).toString('base64url')
    decoder.readBoolean() // internal
    const leaders = new Map(
      readMany(decoder, () => {
        decoder.readInt16() // the partition's error: without a leader, its node is -1
        const partition = decoder.readInt32()
        const leader = { node: decoder.readInt32(), epoch: decoder.readInt32() }
        for (let list = 0; list < 3; list++) readMany(decoder, () => decoder.readInt32())
        skipTags(decoder)
        return [partition, leader] as const
      }).filter(([, { node }]) => node >= 0),
    )
    const operations = decoder.readInt32()
    skipTags(decoder)
    return { id, leaders, error, operations }
  })
  if (topic === undefined) throw new Error('the metadata of a topic is missing')
  return topic
}

function epochEndsProtocol(topic: string, queries: readonly EpochQuery[]) {
  return {
    request: {
      apiKey: OFFSET_FOR_LEADER_EPOCH,
      apiVersion: OFFSET_FOR_LEADER_EPOCH_VERSION,
      apiName: 'OffsetForLeaderEpoch',
      encode: async () => {
        const body = new Encoder().writeInt32(CONSUMER_REPLICA).writeInt32(1).writeString(topic).writeInt32(queries.length)
        for (const { partition, leaderEpoch, epoch } of queries) body.writeInt32(partition).writeInt32(leaderEpoch).writeInt32(epoch)
        return body
      },
    },
    response: {
      decode: async (payload: Buffer) => readEpochEnds(new Decoder(payload)),
      parse: async (ends: ReadonlyMap<number, bigint>) => ends,
    },
  }
}

function readEpochEnds(decoder: Decoder): ReadonlyMap<number, bigint> {
  decoder.readInt32() // throttle time
  const ends = new Map<number, bigint>()
  for (let topics = decoder.readInt32(); topics > 0; topics--) {
    decoder.readString()
    for (let partitions = decoder.readInt32(); partitions > 0; partitions--) {
      requireNoError(decoder.readInt16(), 'the end of a leader epoch')
      const partition = decoder.readInt32()
      decoder.readInt32() // the epoch that the offset ends
      const end = BigInt(decoder.readInt64().toString())
      if (end >= 0n) ends.set(partition, end)
    }
  }
  return ends
}

function readMany<Item>(decoder: Decoder, read: () => Item): Item[] {
  return Array.from({ length: Math.max(0, decoder.readUVarInt() - 1) }, read)
}

function skipTags(decoder: Decoder): void {
  for (let tags = decoder.readUVarInt(); tags > 0; tags--) {
    decoder.readUVarInt()
    decoder.readBytes(decoder.readUVarInt())
  }
}

function requireNoError(code: number, what: string): void {
  if (code !== 0) throw new Error(`the broker does not return ${what} (error code ${code})`)
}
