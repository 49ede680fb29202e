/** The parts of kafkajs 2.2.4 and its codec package that we use although they have no published types, declared no wider than we use them. */

declare module 'kafkajs/src/network/requestQueue/index.js' {
  interface RequestQueueState {
    readonly pending: readonly unknown[]
    readonly throttledUntil: number
  }
  interface TimeoutState {
    readonly enforceRequestTimeout: boolean
    /** Milliseconds. */
    readonly requestTimeout: number
    readonly inflight: ReadonlyMap<number, { readonly sentAt: number; readonly requestTimeout: number; timeoutRequest(): void }>
    requestTimeoutIntervalId?: NodeJS.Timeout | undefined
    isConnected(): boolean
    /** Stops its timers. */
    destroy(): void
  }
  const RequestQueue: {
    readonly prototype: {
      scheduleCheckPendingRequests(this: RequestQueueState): void
      scheduleRequestTimeoutCheck(this: TimeoutState): void
    }
  }
  export = RequestQueue
}

declare module 'kafkajs/src/protocol/decoder.js' {
  class Decoder {
    constructor(bytes: Buffer)
    readonly buffer: Buffer
    offset: number
    readInt8(): number
    readInt16(): number
    readInt32(): number
    readInt64(): { toString(): string }
    readBoolean(): boolean
    readString(): string | null
    readUVarInt(): number
    readUVarIntString(): string | null
    readVarInt(): number
    readVarLong(): { readonly value: bigint }
    readVarIntString(): string | null
    readVarIntBytes(): Buffer | null
    readBytes(length: number): Buffer
    canReadBytes(length: number): boolean
  }
  export = Decoder
}

declare module 'kafkajs/src/broker/index.js' {
  interface FetchReply {
    readonly responses: readonly {
      readonly partitions: readonly {
        abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[] | null
        readonly messages: readonly {
          readonly key: Buffer | null
          readonly batchContext: {
            readonly firstOffset: string
            readonly lastOffsetDelta: number
            readonly producerId: string
            readonly inTransaction: boolean
            readonly isControlBatch: boolean
          }
          isControlRecord: boolean
        }[]
      }[]
    }[]
  }
  interface ProduceRequest {
    readonly topicData: readonly {
      readonly topic: string
      readonly partitions: { readonly partition: number; readonly messages: readonly object[] }[]
    }[]
  }
  interface ProduceReply {
    readonly topics: readonly {
      readonly topicName: string
      readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[]
    }[]
  }
  interface Response<Reply> {
    decode(bytes: Buffer): Promise<Reply>
    /** Rejects with the first error in the reply. */
    parse(reply: Reply): Promise<Reply>
  }
  interface ProducingBroker {
    /** What builds a request, by the versions that both sides know. */
    lookupRequest(
      key: number,
      versions: object,
    ): (fields: object) => { readonly request: object; readonly response: Response<ProduceReply> }
  }
  const Broker: {
    readonly prototype: {
      fetch(this: object, request: object): Promise<FetchReply>
      produce(this: ProducingBroker, request: ProduceRequest): Promise<ProduceReply>
    }
  }
  export = Broker
}

declare module 'kafkajs/src/cluster/index.js' {
  interface CoordinatorRequest {
    readonly groupId: string
    readonly coordinatorType: number
  }
  interface ClusterState {
    readonly brokerPool: { findConnectedBroker(): Promise<{ findGroupCoordinator(request: CoordinatorRequest): Promise<unknown> }> }
  }
  const Cluster: { readonly prototype: { findGroupCoordinatorMetadata(this: ClusterState, request: CoordinatorRequest): Promise<unknown> } }
  export = Cluster
}

declare module 'kafkajs/src/protocol/encoder.js' {
  class Encoder {
    writeInt8(value: number): this
    writeInt32(value: number): this
    writeBoolean(value: boolean): this
    writeString(value: string): this
    writeUVarInt(value: number): this
    writeUVarIntString(value: string): this
    writeBuffer(value: Buffer): this
  }
  export = Encoder
}

declare module 'kafkajs/src/protocol/error.js' {
  /** An error of kafkajs whose `type` is Kafka's name for the code, such as `TOPIC_AUTHORIZATION_FAILED`. */
  export const createErrorFromCode: (code: number) => Error & { readonly type: string }
}

declare module 'kafkajs/src/consumer/consumerGroup.js' {
  import type { Offsets } from 'kafkajs'
  interface Group {
    readonly assigners: readonly object[]
    /** How long a broker holds a fetch without records, and how long a fetch takes while all partitions are paused; milliseconds. */
    maxWaitTime: number
    readonly sessionTimeout: number
    commitOffsets(offsets: Offsets): Promise<void>
    paused(): readonly { readonly partitions: readonly number[] }[]
  }
  interface FetchedBatch {
    readonly partition: number
    readonly fetchedOffset: string
    isEmpty(): boolean
    isEmptyDueToFiltering(): boolean
    lastOffset(): string
  }
  const ConsumerGroup: {
    readonly prototype: { joinAndSync(this: Group): Promise<void>; fetch(this: Group, nodeId: number): Promise<readonly FetchedBatch[]> }
  }
  export = ConsumerGroup
}

declare module 'kafkajs/src/consumer/runner.js' {
  interface WorkerQueue {
    push(...batches: readonly object[]): Promise<void>
  }
  interface RunnerState {
    readonly fetchManager: { getFetchers(): readonly { getWorkerQueue(): WorkerQueue }[] }
    handleBatch(batch: object): Promise<void>
  }
  const Runner: { readonly prototype: { fetch(this: RunnerState, nodeId: number): Promise<readonly object[]> } }
  export = Runner
}

declare module 'kafkajs-snappy' {
  const createSnappyCodec: () => {
    compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
    decompress(compressed: Buffer): Promise<Buffer>
  }
  export = createSnappyCodec
}
