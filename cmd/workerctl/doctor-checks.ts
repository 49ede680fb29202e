import { X509Certificate } from 'node:crypto'
import { ConfigError, loadConfig, type Config } from '../../config/load.ts'
import type { Environment } from '../../config/read-variables.ts'
import { aclsSeen, exampleOf } from '../../src/admin/doctor/acl-check.ts'
import { advertisedFindings, brokerSeen, tlsSeen, type OwnCertificate } from '../../src/admin/doctor/broker-checks.ts'
import { BROKER_ANSWER_MS, type BrokerFacts } from '../../src/admin/doctor/broker-facts.ts'
import type { Check, Seen } from '../../src/admin/doctor/check.ts'
import { clockSeen, indexesSeen, migrationsSeen, serverSeen } from '../../src/admin/doctor/database-checks.ts'
import { groupsSeen } from '../../src/admin/doctor/group-check.ts'
import { deadLettersSeen, partitionsSeen, topicsSeen } from '../../src/admin/doctor/topic-checks.ts'
import { findingOf } from '../../src/admin/doctor/way-out.ts'
import { operatorGroups, type OperatorGroup } from '../../src/admin/operator-group.ts'
import { compareTopics } from '../../src/admin/topics/apply-topics.ts'
import { rightsOfGroup, rightsOfPublisher, type Grant } from '../../src/admin/topics/topic-rights.ts'
import { eventTopics } from '../../src/catalogue/event-topics.ts'
import { knownGroups, listedConsumers, tablesOf } from '../../src/consumers/registry.ts'
import { mailGroups } from '../../src/daemon/compose/consumers.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { createBrokerProbe } from '../../src/infra/kafka/client/broker-probe.ts'
import { parseSmtpUrl } from '../../src/infra/mail/smtp/smtp-url.ts'
import { createDatabaseReader } from '../../src/infra/postgres/admin/postgres-database-reader.ts'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import { requireWritable } from '../../src/infra/postgres/client/writable.ts'
import { checkOwnTables, checkRights, checkWorkerVersion } from '../../src/infra/postgres/schema/schema-check.ts'
import type { Clock } from '../../src/std/clock.ts'
import { OperatorError } from '../../src/std/failure.ts'
import type { Sql } from '../../src/std/sql.ts'
import { withinDeadline } from '../../src/std/within-deadline.ts'
import { outwardChecks, registryCheck } from './doctor-outward.ts'

/** The configuration as far as it can be used, and what is wrong with it. */
export interface DoctorConfig {
  /** Null: nothing can be connected with it. */
  readonly config: Config | null
  readonly problems: readonly string[]
}

/**
 * The daemon's configuration with all its problems. Where only the mail path is wrong, the rest is checked all the same.
 */
export function doctorConfig(environment: Environment): DoctorConfig {
  try {
    const config = loadConfig(environment, { ...knownGroups, mailGroups })
    if (config.mail.smtpUrl !== undefined) parseSmtpUrl(config.mail.smtpUrl, config.mail)
    return { config, problems: [] }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const problems = error instanceof ConfigError ? error.problems : [error.message]
    return { config: withoutMail(environment), problems }
  }
}

function withoutMail(environment: Environment): Config | null {
  const names = Object.keys(environment).filter((name) => !/^(?:SMTP|MAIL)_/.test(name))
  try {
    return loadConfig(Object.fromEntries(names.map((name) => [name, environment[name]])), { ...knownGroups, mailGroups: [] })
  } catch {
    // Its problems are those that were found.
    return null
  }
}

/** Everything that the checks open; closed as a whole, within seconds, whatever hangs. */
export interface DoctorServers {
  readonly admin: ReturnType<typeof createKafkaAdmin>
  readonly sql: Sql
  readonly groups: readonly OperatorGroup[]
  readonly reader: ReturnType<typeof createDatabaseReader>
  close(): Promise<void>
}

/** Longer than the deadline of a check, which then says how long it waited. */
const CONNECT_TIMEOUT_MS = 30_000
const STATEMENT_TIMEOUT_MS = 8_000
const CLOSE_MS = 2_000

/** Clients that connect with their first request. */
export function openServers(config: Config): DoctorServers {
  const { kafka, database } = config
  const admin = createKafkaAdmin({ brokers: kafka.brokers, clientId: `${kafka.clientId}-doctor`, tls: kafka.tls, sasl: kafka.sasl })
  const pool = openDatabase({
    connection: database.connection,
    max: 2,
    applicationName: 'workerctl doctor',
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    wholeTables: true,
  })
  const sets = ['worker', ...tablesOf(kafka.groups)] as const
  return {
    admin,
    sql: pool.sql,
    groups: operatorGroups(listedConsumers, kafka).filter(({ name }) => kafka.groups.includes(name)),
    reader: createDatabaseReader(pool.sql, sets, database.connection.platformSchema),
    close: () => withinDeadline(CLOSE_MS, Promise.allSettled([admin.disconnect(), pool.end()])),
  }
}

/** All checks, in their order. Nothing is written, joined or created. */
export function doctorChecks({ config, problems }: DoctorConfig, servers: DoctorServers | null, clock: Clock): readonly Check[] {
  const own: Check = { name: 'configuration', needs: [], of: 'the configuration', look: async () => configurationSeen(problems, config) }
  if (config === null || servers === null) return [own]
  return [
    own,
    ...kafkaChecks(config, servers, clock),
    registryCheck(config),
    ...databaseChecks(config, servers, clock),
    ...outwardChecks(config, servers.reader),
  ]
}

function configurationSeen(problems: readonly string[], config: Config | null): Seen {
  const findings = [
    // `NAME: "value" is wrong; it must be ...`: the first colon does not end the sentence.
    ...problems.map((text) => findingOf(text.replace(/^([A-Z_]+): /, '$1 '), 'failed', 'npm start -- --check-config')),
    ...(config?.warnings ?? []).map((text) => findingOf(text, 'warning', 'npm start -- --check-config')),
  ]
  return { sentence: findings[0]?.sentence ?? 'Every variable is valid.', findings }
}

function kafkaChecks(config: Config, { admin, groups }: DoctorServers, clock: Clock): readonly Check[] {
  const { kafka } = config
  const probe = createBrokerProbe({ tls: kafka.tls, clientId: `${kafka.clientId}-doctor`, answerMs: BROKER_ANSWER_MS })
  const catalogue = eventTopics(events, kafka.topic)
  const names = [...new Set(groups.map(({ topic }) => topic))]
  const check = { config, groups, catalogue, admin }
  let facts: readonly BrokerFacts[] = []
  return [
    {
      name: 'broker',
      needs: [],
      of: 'the broker',
      look: async (signal) => {
        facts = await probe.probe(kafka.brokers, signal)
        return brokerSeen(facts)
      },
    },
    {
      name: 'tls',
      needs: ['broker'],
      of: 'the broker',
      look: async () => tlsSeen(facts, ownCertificates(config), kafka.tls !== undefined, clock.now()),
    },
    {
      name: 'login',
      needs: ['tls'],
      of: 'the broker',
      look: async (signal) => {
        await admin.connect(signal)
        const advertised = await admin.advertisedBrokers()
        const others = advertised.filter((address) => !kafka.brokers.includes(address))
        const findings = advertisedFindings(await probe.probe(others, signal))
        const how = kafka.sasl === undefined ? 'No login is configured' : `The login (${kafka.sasl.mechanism}) was accepted`
        return { sentence: `${how}; the cluster announces ${advertised.join(', ')}.`, findings }
      },
    },
    { name: 'topics', needs: ['login'], of: 'the broker', look: () => topicsSeen(check) },
    {
      name: 'partitions',
      needs: ['topics'],
      of: 'the broker',
      look: async () => {
        const wishes = { partitions: kafka.topicPartitions ?? null, replicas: kafka.topicReplicas ?? null }
        const read = catalogue.filter(({ name }) => names.includes(name))
        return partitionsSeen(await compareTopics(admin, { catalogue: read, groups: [], ...wishes }), names)
      },
    },
    {
      name: 'acls',
      needs: ['login'],
      of: 'the broker',
      look: async () => {
        const grants = wantedGrants(
          config,
          groups,
          catalogue.map(({ name }) => name),
        )
        const rights = grants.flatMap((grant) => grant.rights)
        const of = (kind: 'topic' | 'group') => [...new Set(rights.filter(({ resource }) => resource === kind).map(exampleOf))]
        return aclsSeen(grants, await admin.allowedOperations({ topics: of('topic'), groups: of('group') }), kafka.brokers)
      },
    },
    {
      name: 'groups',
      needs: ['login'],
      of: 'the broker',
      look: async () => groupsSeen(await Promise.all(groups.map(async ({ id }) => ({ id, ...(await admin.groupState(id)) })))),
    },
    { name: 'dead-letters', needs: ['login'], of: 'the broker', look: () => deadLettersSeen(check) },
  ]
}

/** As `topics acls` prints them. */
function wantedGrants(config: Config, groups: readonly OperatorGroup[], topics: readonly string[]): readonly Grant[] {
  const { sasl } = config.kafka
  const principal = sasl !== undefined && 'username' in sasl ? `User:${sasl.username}` : 'User:PRINCIPAL'
  const ofGroups = groups.map((group): Grant => ({ role: 'group', group: group.id, principal, rights: rightsOfGroup(group) }))
  return config.outbox.relay ? [...ofGroups, { role: 'relay', group: null, principal, rights: rightsOfPublisher(topics) }] : ofGroups
}

function ownCertificates({ kafka, database }: Config): readonly OwnCertificate[] {
  const given = [
    { variable: 'KAFKA_SSL_CERT_FILE', pem: kafka.tls?.cert },
    { variable: 'PGSSLCERT', pem: database.connection.tls.cert },
  ]
  return given.flatMap(({ variable, pem }) => {
    if (pem === undefined) return []
    const { validFrom, validTo } = new X509Certificate(pem)
    return [{ variable, notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) }]
  })
}

function databaseChecks(config: Config, { sql, reader }: DoctorServers, clock: Clock): readonly Check[] {
  const of = 'the database'
  const own = tablesOf(config.kafka.groups)
  return [
    {
      name: 'database',
      needs: [],
      of,
      look: async () => {
        await sql.query('SELECT 1')
        await requireWritable(sql)
        return serverSeen(await reader.server())
      },
    },
    {
      name: 'migrations',
      needs: ['database'],
      of,
      look: async () => {
        await checkWorkerVersion(sql)
        for (const tables of own) await checkOwnTables(sql, tables)
        return migrationsSeen(await reader.migrations())
      },
    },
    {
      name: 'rights',
      needs: ['migrations'],
      of,
      look: async () => {
        await checkRights(sql)
        return { sentence: 'The role has every right that a daemon needs.', findings: [] }
      },
    },
    { name: 'indexes', needs: ['migrations'], of, look: async () => indexesSeen(await reader.indexes()) },
    {
      name: 'clock',
      needs: ['database'],
      of,
      look: async () => {
        const before = clock.now()
        const server = await reader.now()
        return clockSeen({ before, server, after: clock.now() })
      },
    },
  ]
}
