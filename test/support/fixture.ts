import { inject } from 'vitest'
import { startSmtpSink, type SmtpSink, type SmtpSinkOptions } from '../../stack/smtp-sink.ts'
import { startWebhookSink, type WebhookSink, type WebhookSinkOptions } from '../../stack/webhook-sink.ts'
import { createPublisher, type Publisher } from '../../src/events/publisher.ts'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { defaultGroups, knownGroups } from '../../src/consumers/registry.ts'
import type { Sql } from '../../src/std/sql.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { migratedDatabase } from './migrated-database.ts'
import { startDaemon, type Daemon } from './daemon.ts'
import type { Failpoints } from './faults/failpoints.ts'
import { eventually } from './eventually.ts'
import { freshGroupName, freshTopicName } from './fresh.ts'

/** Everything that a daemon works on, of this test's own: topics, database, relay, endpoint. */
export interface Fixture extends AsyncDisposable {
  readonly topic: string
  /** The groups that its daemons run, by name. */
  readonly groups: readonly string[]
  /** Makes the id of a group, as Kafka knows it, of its name. */
  readonly groupPrefix: string
  /** The id of a registered group. @throws when no group has this name */
  group(name: string): string
  readonly sql: Sql
  /** BEGIN, work, COMMIT: for what the platform does while the daemon waits. */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>
  readonly databaseUrl: string
  readonly smtp: SmtpSink
  readonly webhooks: WebhookSink
  readonly admin: LogAdmin
  readonly publisher: Publisher
  /** Sends records as they are: what no publisher of ours would. */
  sendRaw(messages: readonly { key: string; value: Buffer; headers: Record<string, string> }[]): Promise<void>
  /** What a daemon of this fixture is started with. */
  readonly variables: Readonly<Record<string, string>>
  /** Starts a daemon on this fixture, which something happens to at the given failpoints; it ends with the fixture. */
  daemon(variables?: Readonly<Record<string, string>>, failpoints?: Failpoints): Daemon
  /** Waits until every group has accepted all that is on the topic, every intent has ended and no position is dirty. */
  drained(deadlineMs?: number): Promise<void>
}

export interface FixtureOptions {
  /** The groups that its daemons run; without, those that run by default. */
  readonly groups?: readonly string[]
  readonly partitions?: number
  readonly smtp?: SmtpSinkOptions
  readonly webhooks?: WebhookSinkOptions
  /** Another database server than the run's shared one. */
  readonly databaseUrl?: string
  /** Where the platform's tables are; `public` when not given. */
  readonly platformSchema?: string
  /** Another broker than the run's shared one. */
  readonly brokers?: readonly string[]
}

/** A fixture with its topics made and its database migrated. */
export async function createFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const topic = freshTopicName()
  const kafka = { brokers: options.brokers ?? inject('kafkaBootstrap'), clientId: 'test' }
  const partitions = options.partitions ?? 4
  // Groups that no other fixture has: a daemon that is killed stays a member of its groups until the session timeout.
  const prefix = `${freshGroupName('fixture')}.`
  const groups = options.groups ?? defaultGroups
  const group = (name: string): string => {
    if (!knownGroups.groups.includes(name)) throw new Error(`There is no group ${name}.`)
    return prefix + name
  }
  const admin = createKafkaAdmin(kafka)
  const producer = createEventProducer(kafka)
  const [database, smtp, webhooks] = await Promise.all([
    migratedDatabase(options.databaseUrl, options.platformSchema),
    startSmtpSink(options.smtp),
    startWebhookSink(options.webhooks),
    producer.connect(),
    admin
      .connect()
      .then(() =>
        Promise.all(
          [topic, ...groups.map((name) => deadLetterTopic(topic, group(name)))].map((name) => admin.createTopic({ name, partitions })),
        ),
      ),
  ])
  const daemons: Daemon[] = []

  const variables = {
    KAFKA_BROKERS: kafka.brokers.join(','),
    KAFKA_TOPIC: topic,
    KAFKA_GROUP_PREFIX: prefix,
    ...(options.groups === undefined ? {} : { KAFKA_GROUPS: groups.join(',') }),
    // The least that a broker takes by default: the next daemon waits as long for a member that was killed.
    KAFKA_SESSION_TIMEOUT_MS: '6000',
    KAFKA_HEARTBEAT_INTERVAL_MS: '1000',
    DATABASE_URL: database.url,
    PLATFORM_SCHEMA: options.platformSchema ?? 'public',
    SMTP_URL: smtp.url,
    MAIL_FROM: 'Waitlist <waitlist@example.com>',
    MAIL_DEADLINE_MS: '6000',
    AMBIGUOUS_RETRY_MS: '500',
    WEBHOOK_DEADLINE_MS: '6000',
    WEBHOOK_ALLOW_CIDR: '127.0.0.0/8',
    LEADERBOARD_SWEEP_MS: '500',
    LEADERBOARD_DEADLINE_MS: '10000',
    REFERRAL_LINK_TEMPLATE: 'https://example.com/r/{referral_code}',
  }

  function daemon(more: Readonly<Record<string, string>> = {}, failpoints: Failpoints = {}): Daemon {
    const started = startDaemon({ ...variables, ...more }, [], { failpoints })
    daemons.push(started)
    return started
  }

  return {
    topic,
    groups,
    groupPrefix: prefix,
    group,
    sql: database.sql,
    transaction: (work) => database.transaction(work),
    databaseUrl: database.url,
    smtp,
    webhooks,
    admin,
    publisher: createPublisher({ transport: producer, topic }),
    sendRaw: (messages) => producer.send(topic, messages),
    variables,
    daemon,
    drained: (deadlineMs = 240_000) => eventually('everything is done', () => pendingWork(admin, database.sql, topic, groups), deadlineMs),
    async [Symbol.asyncDispose]() {
      const ends = await Promise.allSettled(daemons.map((one) => one[Symbol.asyncDispose]()))
      await Promise.all([smtp.stop(), webhooks.stop(), producer.disconnect(), admin.disconnect()])
      await database.close()
      for (const end of ends) if (end.status === 'rejected') throw end.reason
    },
  }
}

/** What is not done yet, or true. */
async function pendingWork(admin: LogAdmin, sql: Sql, topic: string, groups: readonly string[]): Promise<true | string> {
  const ranges = await admin.ranges(topic)
  const rows = await sql.query<{ group_name: string; partition: number; next_offset: string }>(
    'SELECT group_name, partition, next_offset FROM worker.progress WHERE topic = $1',
    [topic],
  )
  if (rows.length !== groups.length * ranges.size) return `${rows.length} progress rows`
  const behind = rows.filter((row) => BigInt(row.next_offset) < (ranges.get(row.partition)?.high ?? 0n))
  if (behind.length > 0) return `behind: ${behind.map((row) => `${row.group_name}/${row.partition} at ${row.next_offset}`).join(', ')}`
  const intents = await sql.query<{ state: string; kind: string; reason: string | null; count: string }>(
    `SELECT state, kind, reason, count(*) FROM worker.intents WHERE state IN ('pending', 'claimed', 'handing_over', 'ambiguous') GROUP BY 1, 2, 3`,
  )
  if (intents.length > 0) return `intents: ${intents.map((row) => `${row.count} ${row.kind} ${row.state} (${row.reason})`).join(', ')}`
  const [dirty] = await sql.query<{ count: string }>(
    `SELECT count(*) FROM waitlist_users u JOIN campaigns c ON c.id = u.campaign_id WHERE c.deleted_at IS NULL AND u.ranked_score IS DISTINCT FROM
      CASE WHEN u.deleted_at IS NULL AND u.status NOT IN ('blocked', 'removed') THEN u.original_position::bigint - u.verified_referral_count::bigint * u.ranked_ppr END`,
  )
  return dirty?.count === '0' ? true : `${dirty?.count} dirty positions`
}
