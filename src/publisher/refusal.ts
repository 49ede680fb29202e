import { hasCause, isBrokerError, messageOfType } from '../infra/kafka/client/client-error.ts'
import { messageOf, OperatorError } from '../std/failure.ts'
import { tlsFaultOf, tlsTrouble } from '../std/tls-fault.ts'

/** Why sending again would not help. `isOf`: one event is at fault, and others that were sent with it are not. */
export interface Refusal {
  readonly isOf: 'event' | 'topic' | 'cluster'
  readonly sentence: string
}

/** The refusal behind an error of the client, with the way out in terms of the publisher's options; null: sending again may help. */
export function refusalOf(error: unknown, { brokers, topic }: { brokers: readonly string[]; topic: string }): Refusal | null {
  const kafka = `Kafka at ${brokers.join(', ')}`
  const has = (type: string) => isBrokerError(error, type)
  const fault = tlsFaultOf(error)
  if (fault !== null)
    return { isOf: 'cluster', sentence: `${tlsTrouble(fault, kafka)}: correct \`tls\`, the port in \`brokers\`, or its certificate` }
  // Settings that cannot be used, such as a password that would be sent unencrypted.
  if (error instanceof OperatorError) return { isOf: 'cluster', sentence: error.message }
  const noToken = messageOfType(error, 'TOKEN_REFUSED')
  if (noToken !== null) return { isOf: 'cluster', sentence: noToken }
  if (has('UNSUPPORTED_SASL_MECHANISM') || hasCause(error, ({ message }) => message.includes('is not supported by the server')))
    return { isOf: 'cluster', sentence: `${kafka} does not offer this mechanism: correct \`sasl.mechanism\`` }
  if (has('ILLEGAL_SASL_STATE'))
    return { isOf: 'cluster', sentence: `${kafka} accepts no login on this port: leave out \`sasl\`, or correct the port in \`brokers\`` }
  if (has('SASL_AUTHENTICATION_FAILED') || hasCause(error, ({ name }) => name === 'KafkaJSSASLAuthenticationError'))
    return { isOf: 'cluster', sentence: `${kafka} rejects the login: correct \`sasl\`` }
  // An idempotent producer needs Write on some topic, or the old right (https://cwiki.apache.org/confluence/display/KAFKA/KIP-679).
  if (has('CLUSTER_AUTHORIZATION_FAILED'))
    return {
      isOf: 'cluster',
      sentence: `${kafka} does not give this user the right Write on topic "${topic}": grant it, and IdempotentWrite on the cluster before Kafka 3.0`,
    }
  if (has('TOPIC_AUTHORIZATION_FAILED'))
    return { isOf: 'topic', sentence: `${kafka} does not give this user the right Write on topic "${topic}": grant it` }
  if (has('UNKNOWN_TOPIC_OR_PARTITION') || has('INVALID_TOPIC_EXCEPTION'))
    return { isOf: 'topic', sentence: `topic "${topic}" does not exist on ${kafka}: create it, or correct \`topic\`` }
  if (has('MESSAGE_TOO_LARGE') || has('RECORD_LIST_TOO_LARGE'))
    return {
      isOf: 'event',
      sentence: `the event is larger than topic "${topic}" allows (max.message.bytes): shorten it, or raise the limit`,
    }
  if (has('INVALID_RECORD') || has('POLICY_VIOLATION'))
    return { isOf: 'event', sentence: `${kafka} refuses the event for topic "${topic}" (${messageOf(error)})` }
  return null
}
