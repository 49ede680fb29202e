import type { Consumer, ConsumerRunConfig, EachBatchHandler } from 'kafkajs'
import { fencedAssigner } from './assignment-fence.ts'
import type { ClientLog } from '../client/client-log.ts'
import type { GroupWatch } from '../patches/commit-path.ts'
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
  /** Hears each sign that the client runs. */
  readonly alive: () => void
  /** Hears each sign that it is in its group, or tries to be. */
  readonly belongs: () => void
}

/** A kafkajs consumer on a Kafka object of its own, settled as the member needs it. `rackId` stays unset: we read from leaders only. */
export function createGroupConsumer(
  options: GroupConsumerOptions,
  hooks: { log: (line: ClientLog) => void; beforeJoin: () => void; watch: GroupWatch; mayRestart: () => boolean },
): { readonly consumer: Consumer; readonly cut: () => void } {
  const { kafka, cut } = createKafkaClient(
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
    // Without it a disconnect during a join leaves a consumer that restarts and goes on consuming.
    retry: { ...retrySettings(RETRIES), restartOnFailure: () => Promise.resolve(hooks.mayRestart()) },
  })
  // A fetch that begins shows that the loop turns, also while everything is paused; the others, that a broker is heard or missed.
  for (const sign of ['consumer.fetch_start', 'consumer.network.request', 'consumer.network.request_timeout'] as const)
    consumer.on(sign, options.alive)
  for (const sign of ['consumer.heartbeat', 'consumer.group_join'] as const) consumer.on(sign, options.belongs)
  return { consumer, cut }
}

/** Nothing is committed and no offset moves but by what `eachBatch` does. */
export function runConfig(eachBatch: EachBatchHandler): ConsumerRunConfig {
  return { autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: CONCURRENT_PARTITIONS, eachBatch }
}

/** More than a member can own, so that no partition waits for another's batch. */
const CONCURRENT_PARTITIONS = 1_000

/** About ten seconds of trying before kafkajs calls it a crash. */
const RETRIES = 5
