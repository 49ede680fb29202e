import { OperatorError } from '../src/std/failure.ts'
import { databaseConnection } from './database-tls.ts'
import type { DatabaseConnection } from './database-tls.ts'
import { databaseUrl } from './database-url.ts'
import { hasProblem, kafkaAccess, kafkaAccessNow } from './kafka-access.ts'
import type { KafkaAccessConfig } from './kafka-access.ts'
import { readVariables } from './read-variables.ts'
import { schemaRegistry, schemaRegistryOf } from './schema-registry.ts'
import type { RegistryConfig } from './schema-registry.ts'
import type { Environment } from './read-variables.ts'
import { tracing, type TracingConfig } from './tracing.ts'
import { warnOfUnknownNames } from './unknown-names.ts'
import type { Values } from './variables.ts'

/** The groups that exist; the configuration is checked against them. */
export interface KnownGroups {
  readonly groups: readonly string[]
  /** Groups that send mail and therefore need a relay. */
  readonly mailGroups: readonly string[]
  /** Groups that run only when they are named. */
  readonly optInGroups?: readonly string[]
}

export type Config = ReturnType<typeof shape>

/** All problems of a configuration; the message is one sentence per line. */
export class ConfigError extends OperatorError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/**
 * Reads the whole configuration, deeply frozen. `config.warnings` are sentences to log once. No problem quotes a secret.
 *
 * @throws {ConfigError} with every problem there is.
 */
export function loadConfig(environment: Environment, known: KnownGroups): Config {
  const { values, problems: unreadable } = readVariables(environment)
  const problems = [...unreadable]
  const isInvalid = (...names: string[]) => names.some((name) => hasProblem(problems, name))
  const warnings = [...warnOfUnknownNames(environment)]

  const groups = values.KAFKA_GROUPS ?? known.groups.filter((group) => known.optInGroups?.includes(group) !== true)
  const unknown = groups.filter((group) => !known.groups.includes(group))
  if (unknown.length > 0) {
    problems.push(`KAFKA_GROUPS names ${unknown.join(', ')}, which does not exist; the groups are ${known.groups.join(', ')}.`)
  }

  const url = isInvalid('DATABASE_URL') ? '' : databaseUrl(values, { problems, warnings })
  const connection = url === '' ? noConnection : databaseConnection(url, values, { problems, warnings })
  const access = kafkaAccess(values, problems)

  const registry = schemaRegistry(values, problems)
  const traces = tracing(values, problems)

  const sendsMail = groups.some((group) => known.mailGroups.includes(group))
  if (sendsMail && values.SMTP_URL === undefined && !isInvalid('SMTP_URL')) {
    problems.push(
      `SMTP_URL is not set, but ${groups.filter((group) => known.mailGroups.includes(group)).join(' and ')} send mail: ` +
        'give a relay such as smtp://user:password@mail.example.com:587, or run other groups by KAFKA_GROUPS.',
    )
  }
  if (sendsMail && values.MAIL_FROM === undefined && !isInvalid('MAIL_FROM')) {
    warnings.push('MAIL_FROM is not set: mails of campaigns without a sender of their own cannot be sent.')
  }
  if (
    values.UNSUBSCRIBE_URL_TEMPLATE?.includes('{signature}') === true &&
    values.UNSUBSCRIBE_SECRET === undefined &&
    !isInvalid('UNSUBSCRIBE_SECRET')
  ) {
    problems.push(
      'UNSUBSCRIBE_URL_TEMPLATE holds {signature}, but UNSUBSCRIBE_SECRET is not set: give the key that the platform checks it with.',
    )
  }
  if (sendsMail && values.MAIL_ALLOWED_RECIPIENTS !== undefined) {
    warnings.push('MAIL_ALLOWED_RECIPIENTS is set: mail goes to matching addresses only, all other mail is skipped as not-allowed.')
  }
  if (values.ADMIN_ACCESS === 'public' && values.ADMIN_TOKEN === undefined && !isInvalid('ADMIN_TOKEN')) {
    problems.push(
      'ADMIN_ACCESS is public, but ADMIN_TOKEN is not set, so that anybody could stop the work: set ADMIN_TOKEN, or ADMIN_ACCESS to loopback.',
    )
  }
  if (!isInvalid('KAFKA_SESSION_TIMEOUT_MS', 'KAFKA_HEARTBEAT_INTERVAL_MS', 'KAFKA_TOPIC', 'KAFKA_GROUP_PREFIX')) {
    problems.push(...crossChecks(values, groups))
  }

  if (problems.length > 0) throw new ConfigError(problems)
  return freeze(
    shape(values, {
      groups,
      connection,
      access,
      accessNow: () => kafkaAccessNow(environment),
      registry,
      registryNow: () => schemaRegistryOf(environment),
      traces,
      warnings,
    }),
  )
}

function crossChecks(values: Values, groups: readonly string[]): readonly string[] {
  const problems: string[] = []
  const most = Math.floor(values.KAFKA_SESSION_TIMEOUT_MS / 3)
  if (values.KAFKA_HEARTBEAT_INTERVAL_MS > most) {
    problems.push(
      `KAFKA_HEARTBEAT_INTERVAL_MS is ${values.KAFKA_HEARTBEAT_INTERVAL_MS}, more than a third of KAFKA_SESSION_TIMEOUT_MS ` +
        `(${values.KAFKA_SESSION_TIMEOUT_MS}): give at most ${most}, so that one lost heartbeat costs no partitions.`,
    )
  }
  const longest = groups
    .map((group) => `${values.KAFKA_TOPIC}.${values.KAFKA_GROUP_PREFIX}${group}.dlq`)
    .find((topic) => topic.length > 249)
  if (longest !== undefined) {
    problems.push(
      `KAFKA_TOPIC and KAFKA_GROUP_PREFIX make the dead-letter topic ${longest}, longer than 249 characters: shorten one of them.`,
    )
  }
  return problems
}

/** Stands in when a problem is reported and nothing will be connected. */
const noConnection: DatabaseConnection = { connectionString: '', tls: { mode: 'disable' } }

interface Derived {
  readonly groups: readonly string[]
  readonly connection: DatabaseConnection
  readonly access: KafkaAccessConfig
  readonly accessNow: () => KafkaAccessConfig
  readonly registry: RegistryConfig | null
  readonly registryNow: () => RegistryConfig
  readonly traces: TracingConfig | null
  readonly warnings: readonly string[]
}

/** The configuration as the program uses it: times in milliseconds, sizes in bytes. */
function shape(values: Values, derived: Derived) {
  return {
    kafka: {
      brokers: values.KAFKA_BROKERS,
      ...derived.access,
      /** `tls` and `sasl` from the files as they are now. @throws {OperatorError} when they are wrong. */
      accessNow: derived.accessNow,
      topic: values.KAFKA_TOPIC,
      /** Null: values are JSON, and name no schema. */
      registry: derived.registry,
      /** The same from the files as they are now. @throws {OperatorError} when they are wrong. */
      registryNow: derived.registryNow,
      /** Undefined: existing topics are as they should be. */
      topicPartitions: values.KAFKA_TOPIC_PARTITIONS,
      topicReplicas: values.KAFKA_TOPIC_REPLICAS,
      topicCheck: values.KAFKA_TOPIC_CHECK,
      clientId: values.KAFKA_CLIENT_ID,
      poolSize: values.KAFKA_WORKER_POOL_SIZE,
      /** The groups to run, without prefix. */
      groups: derived.groups,
      groupPrefix: values.KAFKA_GROUP_PREFIX,
      startFrom: values.KAFKA_START_FROM,
      sessionTimeoutMs: values.KAFKA_SESSION_TIMEOUT_MS,
      heartbeatIntervalMs: values.KAFKA_HEARTBEAT_INTERVAL_MS,
    },
    database: {
      /** One `postgresql://` URL, also when it was built from the PG variables; TLS is separate. A secret. */
      connection: { ...derived.connection, platformSchema: values.PLATFORM_SCHEMA },
      poolSize: values.DATABASE_POOL_SIZE,
      statementTimeoutMs: values.DATABASE_STATEMENT_TIMEOUT_MS,
    },
    accept: {
      concurrency: values.ACCEPT_CONCURRENCY,
      chunkEvents: values.ACCEPT_CHUNK_EVENTS,
      chunkBytes: values.ACCEPT_CHUNK_BYTES,
      eventMaxBytes: values.EVENT_MAX_BYTES,
      dedupeDays: values.DEDUPE_DAYS,
    },
    mail: {
      /** Set whenever a group that sends mail runs. A secret. */
      smtpUrl: values.SMTP_URL,
      /** Absent: the relay's own rule (smtp-url.ts). */
      requireTls: values.SMTP_REQUIRE_TLS,
      /** PEM texts. */
      ca: values.SMTP_CA_FILE,
      /** Of a process, for all its groups. */
      maxConnections: values.SMTP_MAX_CONNECTIONS ?? values.KAFKA_WORKER_POOL_SIZE,
      /** Capped at the deadline of a mail: its lease would expire while it waits for a connection. */
      connectDeadlineMs: Math.min(values.SMTP_CONNECT_DEADLINE_MS, values.MAIL_DEADLINE_MS),
      from: values.MAIL_FROM,
      deadlineMs: values.MAIL_DEADLINE_MS,
      ambiguous: values.MAIL_AMBIGUOUS,
      ambiguousRetryMs: values.AMBIGUOUS_RETRY_MS,
      referralLinkTemplate: values.REFERRAL_LINK_TEMPLATE,
      positionMaxWaitMs: values.POSITION_MAIL_MAX_WAIT_MS,
      /** Undefined: no limit. */
      ratePerSecond: values.MAIL_RATE_PER_SECOND,
      domainRatePerSecond: values.MAIL_DOMAIN_RATE_PER_SECOND,
      maxEventAgeMs: values.MAIL_MAX_EVENT_AGE_SECONDS * 1_000,
      /** Patterns; undefined allows every address. */
      allowedRecipients: values.MAIL_ALLOWED_RECIPIENTS,
      unsubscribeUrlTemplate: values.UNSUBSCRIBE_URL_TEMPLATE,
      /** A secret. */
      unsubscribeSecret: values.UNSUBSCRIBE_SECRET,
    },
    broadcast: { pageSize: values.BROADCAST_PAGE_SIZE, maxPending: values.BROADCAST_MAX_PENDING },
    webhook: { deadlineMs: values.WEBHOOK_DEADLINE_MS, allowCidr: values.WEBHOOK_ALLOW_CIDR ?? [] },
    leaderboard: {
      sweepMs: values.LEADERBOARD_SWEEP_MS,
      maxLagMs: values.LEADERBOARD_MAX_LAG_MS,
      deadlineMs: values.LEADERBOARD_DEADLINE_MS,
      history: values.LEADERBOARD_HISTORY,
      historyDays: values.LEADERBOARD_HISTORY_DAYS,
    },
    delivery: {
      missingRowWaitMs: values.MISSING_ROW_WAIT_MS,
      campaignPausedRecheckMs: values.CAMPAIGN_PAUSED_RECHECK_MS,
      leaseCheckMs: values.LEASE_CHECK_MS,
      retentionIntervalMs: values.RETENTION_INTERVAL_MS,
    },
    outbox: { relay: values.OUTBOX_RELAY, pollMs: values.OUTBOX_POLL_MS },
    http: {
      host: values.HTTP_HOST,
      port: values.HTTP_PORT,
      /** Undefined: no writes over HTTP. A secret. */
      token: values.HTTP_TOKEN,
      /** Of the admin verbs; undefined: they are refused. A secret. */
      adminToken: values.ADMIN_TOKEN,
      adminAccess: values.ADMIN_ACCESS,
    },
    process: {
      bootTimeoutMs: values.BOOT_TIMEOUT_MS,
      shutdownGraceMs: values.SHUTDOWN_GRACE_MS,
      livenessStallMs: values.LIVENESS_STALL_MS,
    },
    log: { level: values.LOG_LEVEL },
    /** Null: off. Headers are secrets. */
    tracing: derived.traces,
    warnings: derived.warnings,
  } as const
}

function freeze<Tree extends object>(tree: Tree): Tree {
  for (const branch of Object.values(tree)) {
    if (typeof branch === 'object' && branch !== null && !Object.isFrozen(branch)) freeze(branch)
  }
  return Object.freeze(tree)
}
