import { TOPIC_NAME, topicNamePattern } from '../src/std/topic-name.ts'
import { certificateFile, keyFile } from './file-kinds.ts'
import { hostPorts, serverUrl } from './network-kinds.ts'
import { integer, milliseconds } from './number-kinds.ts'
import { anyText, matching, names, oneOf, startFrom } from './text-kinds.ts'
import { optional, required, withDefault } from './variable.ts'

/** Brokers, login, topics, schema registry and consumer groups. */
export const kafka = {
  KAFKA_BROKERS: required(hostPorts, 'Bootstrap brokers; the client discovers the others from them.'),
  KAFKA_SECURITY_PROTOCOL: withDefault(
    oneOf(['PLAINTEXT', 'SSL', 'SASL_SSL', 'SASL_PLAINTEXT']),
    'PLAINTEXT',
    "Kafka's name for the connection to the brokers: SSL means TLS, SASL a login.",
  ),
  KAFKA_SSL_CA_FILE: optional(certificateFile, 'CA certificates that verify the brokers; unset trusts the public authorities.'),
  KAFKA_SSL_CERT_FILE: optional(certificateFile, 'Client certificate for brokers that require one, with its intermediate certificates.'),
  KAFKA_SSL_KEY_FILE: optional(keyFile, 'Private key of the client certificate.'),
  KAFKA_SASL_MECHANISM: withDefault(
    oneOf(['SCRAM-SHA-512', 'SCRAM-SHA-256', 'PLAIN', 'OAUTHBEARER', 'AWS-MSK-IAM']),
    'SCRAM-SHA-512',
    'SASL mechanism of the login; PLAIN and the last two send the password or a token itself and are allowed over TLS only.',
  ),
  KAFKA_SASL_USERNAME: optional(anyText('a user name'), 'User name for the login to the brokers.'),
  KAFKA_SASL_PASSWORD: optional(anyText('a password'), 'Password of that user.', 'whole'),
  KAFKA_SASL_OAUTH_TOKEN: optional(
    matching(/^[A-Za-z0-9._~+/-]+=*$/, 'a bearer token, such as a JWT'),
    'Token for OAUTHBEARER that another program keeps fresh in a file.',
    'whole',
  ),
  KAFKA_SASL_OAUTH_TOKEN_URL: optional(
    serverUrl(['https', 'http'], 'https://id.example.com/oauth2/token'),
    'Where tokens for OAUTHBEARER are requested instead, by the client credentials grant; http is allowed on this machine only.',
  ),
  KAFKA_SASL_OAUTH_CLIENT_ID: optional(anyText('a client id'), 'Client id for those requests.'),
  KAFKA_SASL_OAUTH_CLIENT_SECRET: optional(anyText('a client secret'), 'Secret of that client.', 'whole'),
  KAFKA_SASL_OAUTH_SCOPE: optional(anyText('scopes separated by spaces'), 'Scopes to request.'),
  KAFKA_AWS_REGION: optional(
    matching(/^[a-z]{2,}(?:-[a-z]+)+-\d+$/, 'a region such as eu-central-1'),
    'Region of the cluster for AWS-MSK-IAM, whose credentials are found as the AWS SDK finds them.',
  ),
  KAFKA_TOPIC: withDefault(
    matching(topicNamePattern, TOPIC_NAME),
    'domain-events',
    'Topic of the domain events; `<topic>.<group>.dlq` are its dead-letter topics.',
  ),
  KAFKA_TOPIC_PARTITIONS: optional(
    integer(1, 10_000),
    'Partitions of each topic of events, for workerctl topics; unset means 10 for a new topic, and an existing one keeps its own.',
  ),
  KAFKA_TOPIC_REPLICAS: optional(
    integer(1, 100),
    "Replicas of each partition, for workerctl topics; unset means the brokers' default for a new topic, and whatever an existing one has.",
  ),
  KAFKA_TOPIC_CHECK: withDefault(
    oneOf(['refuse', 'warn']),
    'refuse',
    'Whether the start is refused because of a topic that contradicts the catalogue (compacted, limited in size, or kept for less than its events need), or only warns of it.',
  ),
  KAFKA_SCHEMA_REGISTRY_URL: optional(
    serverUrl(['https', 'http'], 'https://user:password@registry.example.com:8081'),
    'Schema registry with the Confluent API: values that begin with the id of a schema are read by it, in Avro or JSON. Unset means JSON without a registry.',
    'url',
  ),
  KAFKA_SCHEMA_REGISTRY_CA_FILE: optional(
    certificateFile,
    'CA certificates that verify the registry; unset trusts the public authorities.',
  ),
  KAFKA_CLIENT_ID: withDefault(
    matching(/^[A-Za-z0-9._-]{1,100}$/, 'letters, digits, dot, underscore and hyphen, at most 100'),
    'kafka-worker',
    'Client id in the logs and quotas of the brokers.',
  ),
  KAFKA_WORKER_POOL_SIZE: withDefault(integer(1, 1000), '10', 'Concurrent workers per group; the leaderboard always has one.'),
  KAFKA_GROUPS: optional(
    names('names of consumer groups separated by commas'),
    'Groups to run; unset runs every group that is not opt-in.',
  ),
  KAFKA_GROUP_PREFIX: withDefault(
    matching(/^[A-Za-z0-9._-]{1,100}$/, 'letters, digits, dot, underscore and hyphen, at most 100'),
    '',
    'Prefix of every group id, for several installations on one cluster.',
  ),
  KAFKA_START_FROM: optional(
    startFrom,
    'Where a new group starts: earliest, latest, an RFC 3339 time, or committed to take over from another program at the offsets committed to Kafka. Required when the topic already holds records.',
  ),
  KAFKA_SESSION_TIMEOUT_MS: withDefault(
    milliseconds(1000, 30 * 60_000),
    '30000',
    'A member that sends no heartbeat for this long loses its partitions.',
  ),
  KAFKA_HEARTBEAT_INTERVAL_MS: withDefault(
    milliseconds(100),
    '3000',
    'Interval between heartbeats; at most a third of the session timeout.',
  ),
}
