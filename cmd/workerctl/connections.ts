import { loadConfig, type Config } from '../../config/load.ts'
import { knownGroups, listedConsumers } from '../../src/consumers/registry.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { operatorGroups, type OperatorGroup } from '../../src/admin/operator-group.ts'
import type { GroupReader } from '../../src/admin/lag/lag-ports.ts'
import type { TopicAdmin } from '../../src/admin/topics/topic-admin.ts'
import type { Consumer } from '../../src/model/consumer.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import type { Database } from '../../src/std/sql.ts'
import type { Terminal } from './terminal.ts'

/**
 * The worker's configuration without the relay, which no command uses; every registered group, because a daemon with another
 * `KAFKA_GROUPS` may run those that this environment does not enable; and the consumers by name.
 */
export function configure(terminal: Terminal): {
  config: Config
  groups: readonly OperatorGroup[]
  consumers: ReadonlyMap<string, Consumer>
} {
  // No command sends mail.
  const config = loadConfig(terminal.environment, { ...knownGroups, mailGroups: [] })
  for (const warning of config.warnings) terminal.err(warning)
  const byName = new Map(listedConsumers.map((consumer) => [consumer.name, consumer]))
  return { config, groups: operatorGroups(listedConsumers, config.kafka), consumers: byName }
}

/** Works with the broker, connected, and disconnects. */
export async function withKafka<Result>(
  { kafka }: Config,
  work: (admin: LogAdmin & TopicAdmin & GroupReader) => Promise<Result>,
): Promise<Result> {
  const admin = createKafkaAdmin({ brokers: kafka.brokers, clientId: `${kafka.clientId}-workerctl`, tls: kafka.tls, sasl: kafka.sasl })
  try {
    await admin.connect()
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/**
 * Works with the database and disconnects. A command that reads a whole table passes its own statement timeout, and one that reads on without
 * what is locked its own for locks.
 */
export async function withDatabase<Result>(
  config: Config,
  work: (database: Database) => Promise<Result>,
  { statementTimeoutMs = config.database.statementTimeoutMs, lockTimeoutMs }: { statementTimeoutMs?: number; lockTimeoutMs?: number } = {},
): Promise<Result> {
  const database = openDatabase({
    connection: config.database.connection,
    max: 1,
    applicationName: 'workerctl',
    statementTimeoutMs,
    ...(lockTimeoutMs === undefined ? {} : { lockTimeoutMs }),
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    wholeTables: true,
  })
  try {
    return await work(database)
  } finally {
    await database.end()
  }
}

const CONNECT_TIMEOUT_MS = 10_000
/** Intents of a person, of a campaign or with a reason are found by a sequential scan: about a second per million. */
export const WHOLE_TABLE_MS = 600_000
