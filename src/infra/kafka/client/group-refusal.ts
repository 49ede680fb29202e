import { LogAccessRefused } from '../../../ingest/log-admin.ts'
import { isBrokerError } from './client-error.ts'
import type { KafkaSettings } from './kafka-client.ts'

/** What was asked about when the brokers refused. */
export interface Asked {
  readonly topic?: string
  readonly group?: string
  /** What was to be done with the topic, as Kafka names the right; `Read` when not given. */
  readonly right?: 'Read' | 'Write' | 'Create' | 'Alter' | 'Describe' | 'DescribeConfigs'
  readonly sessionTimeoutMs?: number
}

/**
 * The sentence for brokers that know us and refuse this group or this topic; null for every other trouble. Trying again at once does not
 * help; when somebody has mended it, the next try goes through.
 */
export function groupRefused(error: unknown, { brokers }: Pick<KafkaSettings, 'brokers'>, asked: Asked): LogAccessRefused | null {
  const says = (type: string) => isBrokerError(error, type)
  const kafka = `Kafka at ${brokers.join(', ')}`
  const { topic, group, right = 'Read' } = asked
  if (group !== undefined && says('GROUP_AUTHORIZATION_FAILED'))
    return new LogAccessRefused(`${kafka} does not let our user read as group "${group}": grant it Read on that group`)
  if (topic !== undefined && says('TOPIC_AUTHORIZATION_FAILED'))
    return new LogAccessRefused(`${kafka} does not give our user the right ${right} on topic "${topic}": grant it`)
  if (says('CLUSTER_AUTHORIZATION_FAILED'))
    return new LogAccessRefused(`${kafka} does not give our user the right ${right} on the cluster: grant it`)
  if (says('GROUP_MAX_SIZE_REACHED'))
    return new LogAccessRefused(
      `group "${group}" has as many members as ${kafka} allows: stop one of its workers, or raise group.max.size of the brokers`,
    )
  if (says('INCONSISTENT_GROUP_PROTOCOL'))
    return new LogAccessRefused(
      `another program that does not share partitions our way is in group "${group}" of ${kafka}: ` +
        `stop it, or set KAFKA_GROUP_PREFIX so that this worker has groups of its own`,
    )
  if (isSettingRefused(error))
    return new LogAccessRefused(
      `${kafka} does not take KAFKA_SESSION_TIMEOUT_MS (${asked.sessionTimeoutMs}): ` +
        `set it within group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers, or change those`,
    )
  return null
}

/** It is a setting of this process that the brokers refuse: mended by a restart, and for all groups alike. */
export function isSettingRefused(error: unknown): boolean {
  return isBrokerError(error, 'INVALID_SESSION_TIMEOUT')
}
