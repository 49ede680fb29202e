import type { Kafka } from 'kafkajs'
import type { FetchedBatch } from '../records/partition-batch.ts'

/** A protocol request that kafkajs can send and does not define itself. */
interface Protocol<Answer> {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    encode(): Promise<unknown>
  }
  readonly response: { decode(payload: Buffer): Promise<Answer>; parse(answer: Answer): Promise<Answer> }
}

export interface Broker {
  /** By API key; null until connected. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null
  readonly connectionPool: { send<Answer>(protocol: Protocol<Answer>): Promise<Answer> }
  fetch(request: FetchRequest): Promise<FetchReply>
}

interface FetchRequest {
  readonly replicaId: number
  readonly isolationLevel: number
  /** Milliseconds. */
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[]
  }[]
}

interface FetchReply {
  readonly responses: readonly {
    readonly partitions: readonly { readonly partition: number; readonly messages: FetchedBatch['messages'] }[]
  }[]
}

/** The parts of kafkajs's internal cluster that we use. */
export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  findBroker(of: { nodeId: string }): Promise<Broker>
  /** By node id; partitions without a leader are missing. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>
  findGroupCoordinator(of: { groupId: string }): Promise<Broker>
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> }
}

const CREATE_CLUSTER = 'private:Kafka:createCluster'

/** Creates a cluster with its own connections and the settings of `kafka`, for requests that kafkajs 2.2.4 has no method for. */
export function createClusterOf(kafka: Kafka): Cluster {
  const key = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === CREATE_CLUSTER)
  const create: unknown = key === undefined ? undefined : Reflect.get(kafka, key)
  if (typeof create !== 'function') throw new Error('kafkajs has no private createCluster any more: review private-cluster.ts')
  return create({ allowAutoTopicCreation: false })
}
