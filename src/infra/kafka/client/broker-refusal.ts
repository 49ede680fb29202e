import { messageOf, type OperatorError, ServerAway } from '../../../std/failure.ts'
import { tlsFaultOf, tlsTrouble } from '../../../std/tls-fault.ts'
import type { TlsFault } from '../../../std/tls-fault.ts'
import { LogAccessRefused } from '../../../ingest/log-admin.ts'
import { hasCause, isBrokerError, messageOfType } from './client-error.ts'
import type { KafkaSettings } from './kafka-client.ts'
import { CREDENTIALS, TOKEN_URL } from './oauth-client.ts'

/**
 * The sentence when the brokers deny access, or their certificate is not trusted; null for any other error. kafkajs does not retry these, and
 * retrying would not help: an operator has to act.
 */
export function accessRefused(error: unknown, settings: KafkaSettings): LogAccessRefused | null {
  if (hasCause(error, ({ name, type }) => name === 'KafkaJSSASLAuthenticationError' || (type !== undefined && LOGIN_REFUSED.has(type)))) {
    return new LogAccessRefused(refusedLogin(error, settings))
  }
  const noToken = messageOfType(error, 'TOKEN_REFUSED')
  if (noToken !== null) return new LogAccessRefused(bySetting(noToken))
  const fault = tlsFaultOf(error)
  if (fault === null) return null
  return new LogAccessRefused(`${capital(tlsTrouble(fault, `the Kafka broker at ${brokersOf(settings)}`))}: ${wayOut(fault, settings)}`)
}

/** The error when no connection was established: access denied, or no broker answers. */
export function noConnection(error: unknown, settings: KafkaSettings): OperatorError {
  const refused = accessRefused(error, settings)
  if (refused !== null) return refused
  const noToken = messageOfType(error, 'TOKEN_UNAVAILABLE')
  if (noToken !== null) return new ServerAway(bySetting(noToken))
  // A listener of the other protocol closes the connection without an error.
  const orProtocol = /closed|disconnected before secure/i.test(messageOf(error)) ? ' or KAFKA_SECURITY_PROTOCOL' : ''
  return new ServerAway(
    `no Kafka broker answers at ${brokersOf(settings)} (${messageOf(error)}): start Kafka there, or correct KAFKA_BROKERS${orProtocol}`,
  )
}

/** The error when brokers accept the connection but do not answer: a listener that requires a login closes it at the first request. */
export function noAnswer(error: unknown, settings: KafkaSettings): unknown {
  const isClosed = hasCause(error, ({ name }) => name === 'KafkaJSConnectionClosedError')
  if (!isClosed || settings.sasl !== undefined) return accessRefused(error, settings) ?? error
  return new ServerAway(
    `Kafka at ${brokersOf(settings)} accepts the connection and closes it at the first request: ` +
      `set KAFKA_SECURITY_PROTOCOL to ${settings.tls ? 'SASL_SSL' : 'SASL_SSL or SSL'} if its listener requires that, or check the health of its brokers`,
  )
}

/** The request that the brokers refused. */
export interface RefusedRequest {
  readonly topic?: string
  readonly group?: string
  /** The right that the request needs on the topic, by Kafka's name. Default: `Read`. */
  readonly right?: 'Read' | 'Write' | 'Create' | 'Alter' | 'AlterConfigs' | 'Describe' | 'DescribeConfigs'
  readonly sessionTimeoutMs?: number
}

/**
 * The sentence when the brokers deny access to this group or topic; null for any other error. Retrying at once does not help; once an operator
 * has fixed it, the next attempt succeeds.
 */
export function groupRefused(
  error: unknown,
  { brokers }: Pick<KafkaSettings, 'brokers'>,
  request: RefusedRequest,
): LogAccessRefused | null {
  const has = (type: string) => isBrokerError(error, type)
  const kafka = `Kafka at ${brokers.join(', ')}`
  const { topic, group, right = 'Read' } = request
  if (group !== undefined && has('GROUP_AUTHORIZATION_FAILED'))
    return new LogAccessRefused(`${kafka} does not let our user read as group "${group}": grant Read on ${grantedName(group)}`)
  if (topic !== undefined && has('TOPIC_AUTHORIZATION_FAILED'))
    return new LogAccessRefused(`${kafka} does not give our user the right ${right} on topic "${topic}": grant it`)
  if (has('CLUSTER_AUTHORIZATION_FAILED'))
    return new LogAccessRefused(`${kafka} does not give our user the right ${right} on the cluster: grant it`)
  if (has('GROUP_MAX_SIZE_REACHED'))
    return new LogAccessRefused(
      `group "${group}" has as many members as ${kafka} allows: stop one of its workers, or raise group.max.size of the brokers`,
    )
  if (has('INCONSISTENT_GROUP_PROTOCOL'))
    return new LogAccessRefused(
      `group "${group}" of ${kafka} has a member of another program, with another partition assignor: ` +
        `stop it, or set KAFKA_GROUP_PREFIX so that this worker has groups of its own`,
    )
  if (isSettingRefused(error))
    return new LogAccessRefused(
      `${kafka} rejects KAFKA_SESSION_TIMEOUT_MS (${request.sessionTimeoutMs}): ` +
        `set it within group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers, or change those`,
    )
  return null
}

/** The brokers reject a setting of this process: it affects all groups, and needs a restart. */
export function isSettingRefused(error: unknown): boolean {
  return isBrokerError(error, 'INVALID_SESSION_TIMEOUT')
}

function refusedLogin(error: unknown, settings: KafkaSettings): string {
  const { mechanism = 'SASL' } = settings.sasl ?? {}
  const kafka = `Kafka at ${brokersOf(settings)}`
  if (hasCause(error, ({ type, message }) => type === 'UNSUPPORTED_SASL_MECHANISM' || message.includes('is not supported by the server')))
    return `${kafka} does not offer ${mechanism}: set KAFKA_SASL_MECHANISM to one that its listener has enabled`
  if (hasCause(error, ({ type }) => type === 'ILLEGAL_SASL_STATE'))
    return `${kafka} accepts no login on this listener: set KAFKA_SECURITY_PROTOCOL to ${settings.tls ? 'SSL' : 'PLAINTEXT'}, or correct the port in KAFKA_BROKERS`
  if (mechanism === 'AWS-MSK-IAM')
    return `${kafka} rejects our AWS credentials (AWS-MSK-IAM): allow them kafka-cluster:Connect on the cluster, or correct KAFKA_AWS_REGION`
  if (mechanism === 'OAUTHBEARER')
    return `${kafka} rejects our token (OAUTHBEARER): check that it has not expired, and that issuer, audience and scope are those that its listener expects`
  return `${kafka} rejects the user or the password (${mechanism}): correct KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD`
}

function wayOut({ is }: TlsFault, { tls }: KafkaSettings): string {
  switch (is) {
    case 'untrusted':
      return `give the certificate of the authority that signed it by KAFKA_SSL_CA_FILE${tls?.ca === undefined ? '' : ', which holds another one'}`
    case 'expired':
      return 'renew it on the broker, or correct the clock of this machine'
    case 'misnamed':
      return 'give KAFKA_BROKERS, and advertised.listeners of the broker, a name that the certificate holds'
    case 'not-spoken':
      return 'correct KAFKA_SECURITY_PROTOCOL, or the port in KAFKA_BROKERS'
    case 'client-refused':
      return 'give a certificate that it trusts, and its key, by KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE'
    case 'failed':
      return 'check the listener of the broker and the files of KAFKA_SSL_CA_FILE, KAFKA_SSL_CERT_FILE and KAFKA_SSL_KEY_FILE'
  }
}

/** A sentence about a token, which the package's publisher shows as well, with the names of the daemon's settings. */
function bySetting(sentence: string): string {
  return sentence
    .replace(CREDENTIALS, 'KAFKA_SASL_OAUTH_CLIENT_ID, KAFKA_SASL_OAUTH_CLIENT_SECRET and KAFKA_SASL_OAUTH_SCOPE')
    .replace(TOKEN_URL, 'KAFKA_SASL_OAUTH_TOKEN_URL')
}

function brokersOf({ brokers }: KafkaSettings): string {
  return brokers.join(', ')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const LOGIN_REFUSED = new Set(['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE'])

/** A throwaway group is named `<reader>-<uuid>`, so that only a right on the prefix helps. */
function grantedName(group: string): string {
  const [, prefix] = /^(.+-)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.exec(group) ?? []
  return prefix === undefined ? 'that group' : `groups with the prefix "${prefix}" ("npm run workerctl -- topics acls" prints how)`
}
