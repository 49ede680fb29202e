import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublisher } from '../../src/events/publisher.ts'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { messageOf } from '../../src/std/failure.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import type { Database } from '../../src/std/sql.ts'
import { exportLine, startDaemon } from './daemon.ts'
import type { Daemon } from './daemon.ts'
import type { Progress } from './progress.ts'
import { createPlatformWriter } from './platform-writer.ts'
import { createSimulator } from './simulator.ts'
import type { Simulator } from './simulator.ts'
import { prepareDatabase, prepareTopics, scenariosBefore } from './prepare.ts'
import { startOwnServers, useExistingServers } from './servers.ts'
import type { Servers } from './servers.ts'
import { createScenario } from './scenario.ts'
import type { Scenario } from './scenario.ts'

/** The running servers, daemon and simulator of a demo. */
export interface Session {
  readonly servers: Servers
  readonly database: Database
  readonly admin: LogAdmin
  readonly daemon: Daemon
  readonly scenario: Scenario
  readonly simulator: Simulator
  readonly campaignIds: readonly string[]
}

export interface SessionOptions {
  readonly existing: boolean
  readonly seed: number
  /** Mails kept with their bodies, to be looked at; 0 keeps all, without. */
  readonly mailsToShow: number
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly progress: Progress
}

/**
 * Runs `work` on servers, tables, topics and a daemon made for it, and puts all away afterwards, the daemon first; its log stays where it is unless
 * `isGood` says that nobody will want to read it.
 */
export async function withSession<Result>(
  options: SessionOptions,
  work: (session: Session) => Promise<Result>,
  isGood: (result: Result) => boolean,
): Promise<Result> {
  const { signal, progress } = options
  const startedAt = performance.now()
  const ends: (() => Promise<unknown>)[] = []
  let keepLog = true
  try {
    if (options.existing) progress.stage('Connecting', 'to the servers of DEMO_KAFKA_BROKERS, DEMO_DATABASE_URL and DEMO_SMTP_URL')
    else progress.stage('Starting the servers', 'Kafka, PostgreSQL, a mail sink and a webhook sink on 127.0.0.1')
    const servers = options.existing ? await useExistingServers(options.environment) : await startOwnServers(options)
    ends.push(async () => {
      if (!servers.existing) progress.stage('Stopping the servers')
      await servers.stop()
    })
    signal.throwIfAborted()
    progress.line(`Kafka: ${servers.brokers.join(', ')}`)
    progress.line(`PostgreSQL: ${shown(servers)}`)

    progress.stage('Migrating the database', 'the tables of platform, worker and groups')
    const database = await prepareDatabase(servers.databaseUrl, progress.figure)
    ends.push(() => database.end())
    progress.stage('Creating the topics and the campaigns')
    const kafka = { brokers: servers.brokers, clientId: 'kafka-worker-demo' }
    const admin = createKafkaAdmin(kafka)
    ends.push(() => admin.disconnect())
    await prepareTopics(admin, servers)
    const transport = createEventProducer(kafka)
    ends.push(() => transport.disconnect())
    await transport.connect()

    // The first scenario in a database is that of the seed itself.
    const scenario = createScenario(options.seed + 1_000_003 * (await scenariosBefore(database.sql)))
    const writer = createPlatformWriter(database, new Date())
    await writer.begin(scenario.seedData, createAddresses(servers))

    const folder = await mkdtemp(join(tmpdir(), 'kafka-worker-demo-'))
    ends.push(async () => (keepLog ? undefined : rm(folder, { recursive: true, force: true })))
    const logFile = join(folder, 'daemon.log')
    progress.stage('Starting the daemon', `log ${logFile}`)
    const daemon = await startDaemon(servers, logFile, signal)
    ends.push(async () => {
      progress.stage('Stopping the daemon')
      progress.line(`The daemon ended with ${await daemon.stop()}`)
    })

    const publisher = createPublisher({ transport, topic: servers.topic })
    const simulator = createSimulator({ writer, publisher, transport, topic: servers.topic })
    const campaignIds = scenario.seedData.campaigns.map(({ id }) => id)
    const session = { servers, database, admin, daemon, scenario, simulator, campaignIds }
    if (!servers.existing) progress.line(exportLine(servers))
    progress.line(`Ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
    progress.done()
    const result = await Promise.race([work(session), daemon.died])
    keepLog = !isGood(result)
    return result
  } finally {
    for (const end of ends.toReversed()) {
      // A failure must neither keep the others running nor hide the original error.
      await end().catch((error: unknown) => progress.line(messageOf(error)))
    }
  }
}

/** The database's address, with its password only where that was made up for this run. */
function shown({ existing, databaseUrl }: Servers): string {
  if (!existing) return databaseUrl
  const url = URL.parse(databaseUrl)
  if (url === null) return 'as DEMO_DATABASE_URL says'
  if (url.password !== '') url.password = '***'
  return url.href
}

/** A secret per path, known to the sink; nobody listens on the path that says so. */
function createAddresses({ webhooks }: Servers) {
  const known = new Map<string, { url: string; secret: string }>()
  return (path: string) => {
    const address = known.get(path) ?? webhooks.endpoint(path)
    known.set(path, address)
    return address
  }
}
