import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { defaultGroups } from '../../src/consumers/registry.ts'
import { createKafkaAdmin } from '../../src/infra/kafka/admin/kafka-admin.ts'
import { createEventProducer } from '../../src/infra/kafka/producer/kafka-event-transport.ts'
import { deadLetterTopic } from '../../src/ingest/dead-letter.ts'
import type { LogAdmin } from '../../src/ingest/log-admin.ts'
import { startKafka } from '../../stack/kafka-broker.ts'
import { startPostgres, type PostgresServer } from '../../stack/postgres-server.ts'
import { tempFolder } from '../../stack/temp-folder.ts'
import type { SinkPorts } from '../sinks/main.ts'
import { PARTITIONS, TENANTS } from './ids.ts'
import { seed } from './seed.ts'
import { startSinks, type SinkOptions, type SinkProcess } from './sink-process.ts'

/** What every contender works on. */
export interface Servers {
  readonly brokers: readonly string[]
  readonly admin: LogAdmin
  readonly producer: ReturnType<typeof createEventProducer>
  readonly sinks: SinkProcess
  /** For logs and profiles; goes with `stop`. */
  readonly folder: string
  /** The server with or without fsync, started when first needed. */
  postgres(fsync: boolean): Promise<PostgresServer>
  /** A fresh copy of the seeded database with so many people; the copy is dropped by `drop`. */
  database(fsync: boolean, people: number): Promise<{ readonly url: string; drop(): Promise<void> }>
  /** An empty topic with the dead-letter topics of our groups behind their prefix. */
  topic(): Promise<string>
  deadLetterTopics(topic: string, prefix: string): Promise<void>
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Of PostgreSQL, over those of the bench. */
  readonly settings?: Readonly<Record<string, string>>
  readonly sinks?: SinkOptions
  readonly onProgress: (line: string) => void
}

/** Starts Kafka, the sinks and, on demand, PostgreSQL. All of it ends with this process. */
export async function startServers({ settings, sinks: sinkOptions, onProgress }: ServerOptions): Promise<Servers> {
  const folder = tempFolder('bench')
  const stops: (() => Promise<void>)[] = [() => folder.remove()]
  const stop = async () => {
    for (const each of stops.splice(0).toReversed()) await each()
  }
  try {
    const sinks = await startSinks(folder.path, sinkOptions)
    stops.push(() => sinks.stop())
    const kafka = await startKafka({ onProgress })
    stops.push(() => kafka.stop())
    const client = { brokers: kafka.bootstrap, clientId: 'bench' }
    const admin = createKafkaAdmin(client)
    await admin.connect()
    stops.push(() => admin.disconnect())
    const producer = createEventProducer(client)
    await producer.connect()
    stops.push(() => producer.disconnect())

    const servers = new Map<boolean, Promise<PostgresServer>>()
    const postgres = (fsync: boolean): Promise<PostgresServer> => {
      const found = servers.get(fsync)
      if (found !== undefined) return found
      const starting = startPostgres({ settings: { ...settingsFor(fsync), ...settings }, onProgress }).then((server) => {
        stops.push(() => server.stop())
        return server
      })
      servers.set(fsync, starting)
      return starting
    }
    const seeded = new Map<string, Promise<string>>()
    return {
      brokers: kafka.bootstrap,
      admin,
      producer,
      sinks,
      folder: folder.path,
      postgres,
      database: async (fsync, people) => {
        const server = await postgres(fsync)
        const key = `seeded_${fsync ? 'fsync_' : ''}${people}`
        const template =
          seeded.get(key) ??
          server.createDatabase(key).then(async (url) => {
            await seed(url, people, endpointsOf(sinks.ports))
            return key
          })
        seeded.set(key, template)
        const name = `run_${randomUUID().replaceAll('-', '')}`
        const url = await server.createDatabase(name, { template: await template })
        return { url, drop: () => server.dropDatabase(name) }
      },
      topic: async () => {
        const name = `bench-${randomUUID().slice(0, 13)}`
        await admin.createTopic({ name, partitions: PARTITIONS })
        // While a partition has no leader, a publisher sends those of the others again.
        await admin.ranges(name)
        return name
      },
      deadLetterTopics: async (topic, prefix) => {
        const names = defaultGroups.map((group) => deadLetterTopic(topic, prefix + group))
        await Promise.all(names.map((name) => admin.createTopic({ name, partitions: PARTITIONS })))
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** All else is as PostgreSQL ships it; without the larger WAL a checkpoint would fall into one run and not into another. */
function settingsFor(fsync: boolean): Record<string, string> {
  return fsync ? { fsync: 'on', full_page_writes: 'on', max_wal_size: '4GB' } : { max_wal_size: '4GB' }
}

/** One for each tenant: origins of their own where there are any, otherwise paths of the same. */
function endpointsOf({ http, endpoints }: SinkPorts): readonly string[] {
  if (endpoints.length > 0) return endpoints.map((port) => `http://127.0.0.1:${port}/`)
  return Array.from({ length: TENANTS }, (_, tenant) => `http://127.0.0.1:${http}/tenant/${tenant}`)
}

/** Where a contender's output goes. */
export function logFileIn(folder: string, name: string): string {
  return path.join(folder, `${name}-${randomUUID().slice(0, 8)}.log`)
}
