import type { TestProject } from 'vitest/node'
import { startKafka } from '../../stack/kafka-broker.ts'
import { startPostgres } from '../../stack/postgres-server.ts'
import { runningStack } from './running-stack.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Addresses of the one broker that all tests of a run share; see fresh.ts for topics of one's own. */
    kafkaBootstrap: string[]
    /** The server that all tests of a run share, its database `postgres`; see fresh.ts for a database of one's own. */
    postgresUrl: string
  }
}

type SharedStack = { users: number; readonly servers: ReturnType<typeof startServers> }

/** vitest loads this module once per project, so what projects share lives on the process's global object. */
const shared: typeof globalThis & { kafkaWorkerTestStack?: SharedStack } = globalThis

/**
 * One Kafka and one PostgreSQL for all projects of a run that need them: the first starts them, the last stops them. Servers that were
 * handed over are used as they are.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = runningStack()
  if (running !== null) {
    project.provide('kafkaBootstrap', [...running.kafkaBootstrap])
    project.provide('postgresUrl', running.postgresUrl)
    return () => Promise.resolve()
  }
  const stack = (shared.kafkaWorkerTestStack ??= { users: 0, servers: startServers() })
  stack.users++
  const [kafka, postgres] = await stack.servers
  project.provide('kafkaBootstrap', [...kafka.bootstrap])
  project.provide('postgresUrl', postgres.url)
  return async () => {
    if (--stack.users > 0) return
    delete shared.kafkaWorkerTestStack
    await Promise.all([kafka.stop(), postgres.stop()])
  }
}

async function startServers() {
  return Promise.all([startKafka({ onProgress }), startPostgres({ onProgress, settings: { max_connections: 300 } })])
}

/** To standard error: reporters that print JSON own standard output. */
function onProgress(line: string): void {
  process.stderr.write(`${line}\n`)
}
