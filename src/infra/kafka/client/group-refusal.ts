import { LogAccessRefused } from '../../../ingest/log-admin.ts'
import { isBrokerError } from './client-error.ts'
import type { KafkaSettings } from './kafka-client.ts'

/** The request that the brokers refused. */
export interface RefusedRequest {
  readonly topic?: string
  readonly group?: string
  /** What was to be done with the topic, as Kafka names the right; `Read` when not given. */
  readonly right?: 'Read' | 'Write' | 'Create' | 'Alter' | 'Describe' | 'DescribeConfigs'
  readonly sessionTimeoutMs?: number
}

/**
 * The sentence when the brokers deny access to this group or topic; null for any other error. Retrying at once does not help; once an operator
 * has fixed it, the next attempt succeeds.
 */
export function groupRefused(error: unknown, { brokers }: Pick<KafkaSettings, 'brokers'>, asked: RefusedRequest): LogAccessRefused | null {
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
      `group "${group}" of ${kafka} has a member of another program, with another partition assignor: ` +
        `stop it, or set KAFKA_GROUP_PREFIX so that this worker has groups of its own`,
    )
  if (isSettingRefused(error))
    return new LogAccessRefused(
      `${kafka} rejects KAFKA_SESSION_TIMEOUT_MS (${asked.sessionTimeoutMs}): ` +
        `set it within group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers, or change those`,
    )
  return null
}

/** The brokers reject a setting of this process: it affects all groups, and needs a restart. */
export function isSettingRefused(error: unknown): boolean {
  return isBrokerError(error, 'INVALID_SESSION_TIMEOUT')
}
