import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePorts } from './free-port.ts'
import { spawnGuarded, type GuardedProcess } from './guarded-process.ts'
import { requireNewerJava } from './java-tools.ts'
import { environment } from './kafka-node.ts'
import type { OnProgress } from './kafka-jars.ts'
import { registryApp } from './registry-app.ts'
import { tempFolder } from './temp-folder.ts'

/** A real schema registry on 127.0.0.1, which keeps its schemas in memory. */
export interface SchemaRegistryServer {
  /** Of its Confluent API. */
  readonly url: string
  /** SIGSTOP and SIGCONT make a registry that is there and does not answer. */
  signal(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

/**
 * Starts Apicurio Registry, up in about ten seconds once it is downloaded. Ends with this process if not stopped before.
 *
 * @throws one sentence when Java 21 or Maven is missing; the end of its log when it does not come up
 */
export async function startSchemaRegistry(onProgress?: OnProgress): Promise<SchemaRegistryServer> {
  const [java, app] = await Promise.all([requireNewerJava(21, 'Apicurio Registry'), registryApp(onProgress)])
  const [port = 0, managementPort = 0] = await freePorts(2)
  const folder = tempFolder('registry')
  const logFile = join(folder.path, 'registry.log')
  const settings = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': port,
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': managementPort,
    'java.io.tmpdir': folder.path,
  }
  const options = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)
  const args = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...options, '-jar', await runnerIn(app)]
  const server = await spawnGuarded(java, args, { ...environment(), logFile, cwd: folder.path })
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  try {
    await untilUp(url, server, logFile)
  } catch (error) {
    await server.end('SIGKILL')
    await folder.remove()
    throw error
  }
  return {
    url,
    signal: (signal) => server.signal(signal),
    stop: async () => {
      await server.end('SIGKILL')
      await folder.remove()
    },
  }
}

async function runnerIn(app: string): Promise<string> {
  const files = await readdir(app, { recursive: true })
  const runner = files.find((name) => /(?:^|\/)quarkus-run\.jar$/.test(name))
  if (runner === undefined) throw new Error(`${app} has no program: remove the folder, and it is downloaded again.`)
  return join(app, runner)
}

async function untilUp(url: string, server: GuardedProcess, logFile: string): Promise<void> {
  const deadline = AbortSignal.timeout(90_000)
  for (;;) {
    if (!server.running() || deadline.aborted) {
      const log = await readFile(logFile, 'utf8').catch(() => '')
      const what = server.running() ? 'did not answer within 90 s' : `ended with ${await server.exited}`
      throw new Error(`The schema registry ${what}. The end of its log:\n${log.slice(-3_000)}`)
    }
    const answer = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(5_000) }).catch(() => null)
    if (answer?.ok === true) return
    await pause(100)
  }
}
