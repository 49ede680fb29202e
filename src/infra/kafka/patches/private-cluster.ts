import type { Kafka } from 'kafkajs'

/** A request of the protocol that kafkajs sends and does not know itself. */
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
  /** By API key; null until it is connected. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null
  readonly connectionPool: { send<Answer>(protocol: Protocol<Answer>): Promise<Answer> }
}

/** What we use of kafkajs's own view of the brokers. */
export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  findBroker(of: { nodeId: string }): Promise<Broker>
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> }
}

const CREATE_CLUSTER = 'private:Kafka:createCluster'

/** A cluster with connections of its own, under the settings of `kafka`, for requests that kafkajs 2.2.4 has no method for. */
export function createClusterOf(kafka: Kafka): Cluster {
  const key = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === CREATE_CLUSTER)
  const create: unknown = key === undefined ? undefined : Reflect.get(kafka, key)
  if (typeof create !== 'function') throw new Error('kafkajs no longer lets its clusters be made')
  return create({ allowAutoTopicCreation: false })
}
