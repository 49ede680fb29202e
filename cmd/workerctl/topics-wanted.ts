import { CommanderError, type Command } from 'commander'
import type { Config } from '../../config/load.ts'
import type { OperatorGroup } from '../../src/admin/operator-group.ts'
import type { TopicWishes } from '../../src/admin/topics/apply-topics.ts'
import { DEFAULT_PARTITIONS, eventTopics } from '../../src/catalogue/event-topics.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { wholeNumber } from './whole-number.ts'

/** How a command line overrules `KAFKA_TOPIC_PARTITIONS` and `KAFKA_TOPIC_REPLICAS`. */
export interface TopicOptions {
  readonly partitions?: number
  readonly replicationFactor?: number
}

export function addTopicOptions(command: Command): Command {
  return command
    .option(
      '--partitions <count>',
      `partitions of each topic of events (KAFKA_TOPIC_PARTITIONS; a new one gets ${DEFAULT_PARTITIONS})`,
      wholeNumber(1, 10_000),
    )
    .option(
      '--replication-factor <count>',
      "replicas of each new partition (KAFKA_TOPIC_REPLICAS; unset: the brokers' default)",
      wholeNumber(1, 100),
    )
}

/** The topics that the catalogue and the configuration want. */
export function wantedTopics({ kafka }: Pick<Config, 'kafka'>, groups: readonly OperatorGroup[], options: TopicOptions = {}): TopicWishes {
  return {
    catalogue: eventTopics(events, kafka.topic),
    groups,
    partitions: options.partitions ?? kafka.topicPartitions ?? null,
    replicas: options.replicationFactor ?? kafka.topicReplicas ?? null,
  }
}

/** Ends a command that compares with exit code 2: it has done its work, and found a difference. */
export function differenceFound(): CommanderError {
  return new CommanderError(2, 'workerctl.difference', 'a difference was found')
}
