import type { Consumer, ConsumerRunConfig, EachBatchHandler } from 'kafkajs'
import { fencedAssigner } from './assignment-fence.ts'
import type { ClientLog } from '../client/client-log.ts'
import type { GroupWatch } from '../patches/consumer-group.ts'
import '../patches/for-readers.ts'
import { createKafkaClient, retrySettings } from '../client/kafka-client.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'

export interface GroupConsumerOptions {
  readonly settings: KafkaSettings
  readonly groupId: string
  readonly topic: string
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly rebalanceTimeoutMs: number
  readonly maxWaitMs: number
  readonly maxBytesPerPartition: number
  readonly maxBytes: number
  /** Called at every fetch and every response or timeout of a broker. */
  readonly onActivity: () => void
  /** Called at every heartbeat and join. */
  readonly onMembership: () => void
}

/** Creates a kafkajs consumer on a Kafka object of its own. `rackId` stays unset: records are read from leaders only. */
export function createGroupConsumer(
  options: GroupConsumerOptions,
  hooks: { log: (line: ClientLog) => void; beforeJoin: () => void; watch: GroupWatch; mayRestart: () => boolean },
): { readonly consumer: Consumer; readonly destroyConnections: () => void } {
  const { kafka, destroyConnections } = createKafkaClient(
    { ...options.settings, onLog: hooks.log },
    { retries: RETRIES, longestWaitMs: options.rebalanceTimeoutMs },
  )
  const consumer = kafka.consumer({
    groupId: options.groupId,
    partitionAssigners: [fencedAssigner(hooks.beforeJoin, hooks.watch)],
    sessionTimeout: options.sessionTimeoutMs,
    heartbeatInterval: options.heartbeatIntervalMs,
    rebalanceTimeout: options.rebalanceTimeoutMs,
    maxWaitTimeInMs: options.maxWaitMs,
    maxBytesPerPartition: options.maxBytesPerPartition,
    maxBytes: options.maxBytes,
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    // Without it, a disconnect during a join leaves a consumer that restarts and goes on consuming.
    retry: { ...retrySettings(RETRIES), restartOnFailure: () => Promise.resolve(hooks.mayRestart()) },
  })
  // The start of a fetch shows that the loop runs, even while everything is paused; the others are responses and timeouts of brokers.
  for (const event of ['consumer.fetch_start', 'consumer.network.request', 'consumer.network.request_timeout'] as const)
    consumer.on(event, options.onActivity)
  for (const event of ['consumer.heartbeat', 'consumer.group_join'] as const) consumer.on(event, options.onMembership)
  return { consumer, destroyConnections }
}

/** Offsets move and are committed only by `eachBatch`. */
export function runConfig(eachBatch: EachBatchHandler): ConsumerRunConfig {
  return { autoCommit: false, eachBatchAutoResolve: false, eachBatch }
}

/** About ten seconds of retries before kafkajs reports a crash. */
const RETRIES = 5

export interface PartitionControl {
  pause(partitions: readonly number[]): void
  resume(partitions: readonly number[]): void
  /** Sets the offset of the next fetch of the partition. */
  seek(partition: number, offset: bigint): void
}

/** Controls the partitions of a running consumer. Calls are ignored while it is not running: the next join sets everything again. */
export function partitionControl(consumer: Consumer, topic: string): PartitionControl {
  return {
    pause: (partitions) => whileRunning(() => consumer.pause([{ topic, partitions: [...partitions] }])),
    resume: (partitions) => whileRunning(() => consumer.resume([{ topic, partitions: [...partitions] }])),
    seek: (partition, offset) => whileRunning(() => consumer.seek({ topic, partition, offset: String(offset) })),
  }
}

function whileRunning(act: () => void): void {
  try {
    act()
  } catch (error) {
    // kafkajs has no consumer group before its first join, and between a crash and its crash event.
    if (!(error instanceof Error && error.message.startsWith('Consumer group was not initialized'))) throw error
  }
}
