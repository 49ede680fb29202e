import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { GuardedProcess } from './guarded-process.ts'
import { spawnGuarded } from './guarded-process.ts'
import type { KafkaUser } from './kafka-listeners.ts'
import { kafkaMetadata } from './kafka-metadata.ts'
import { cleanEnvironment } from './worker-environment.ts'

const run = promisify(execFile)

/** One broker process of a cluster. All methods may be called in any order; what already is so is not done again. */
export type KafkaNode = {
  readonly id: number
  /** Its client listener on 127.0.0.1, the same through every restart. */
  readonly port: number
  pid(): number | undefined
  /**
   * Starts it on the data and ports it had, and waits until it answers as a member of the cluster.
   *
   * @param properties over those it had, from now on
   */
  start(properties?: Readonly<Record<string, string | number | boolean>>): Promise<void>
  /** Clean stop: leadership is handed over first (SIGTERM). */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** Any other signal: SIGSTOP and SIGCONT make a broker that is there and does not answer. */
  signal(signal: NodeJS.Signals): void
}

export type KafkaNodeOptions = {
  readonly id: number
  readonly port: number
  readonly clusterId: string
  /** How many brokers it must know before it counts as started. */
  readonly clusterSize: number
  readonly java: string
  readonly jars: string
  /** Exists, and is removed by the caller. */
  readonly folder: string
  readonly properties: Readonly<Record<string, string | number | boolean>>
  /** Written into the metadata that the broker begins with. */
  readonly users: readonly KafkaUser[]
}

/** Thrown when a broker ended because another process took one of its ports. */
export class PortTakenError extends Error {}

/** Formats the broker's folder; `start` is the caller's. */
export async function createKafkaNode(options: KafkaNodeOptions): Promise<KafkaNode> {
  const { id, port, folder } = options
  const propertiesFile = join(folder, 'server.properties')
  const logFile = join(folder, 'broker.log')
  let properties = { ...options.properties, 'log.dirs': join(folder, 'data') }
  const writeProperties = async () => {
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`)
    await writeFile(propertiesFile, `${lines.join('\n')}\n`)
  }
  await writeProperties()
  await run(
    options.java,
    [...jvm(options), 'kafka.tools.StorageTool', 'format', '-t', options.clusterId, '-c', propertiesFile, ...options.users.flatMap(scram)],
    environment(),
  )

  let child: GuardedProcess | undefined
  const start = async () => {
    if (child?.running()) return
    child = await spawnGuarded(options.java, [...jvm(options), 'kafka.Kafka', propertiesFile], { ...environment(), logFile, cwd: folder })
    await untilMember(options, child, logFile)
  }
  return {
    id,
    port,
    pid: () => (child?.running() ? child.pid : undefined),
    start: async (changed) => {
      properties = { ...properties, ...changed }
      await writeProperties()
      await retryTakenPort(start)
    },
    stop: async () => child?.end('SIGTERM', 30_000),
    kill: async () => child?.end('SIGKILL'),
    signal: (signal) => child?.signal(signal),
  }
}

function scram({ name, password }: KafkaUser): string[] {
  return ['SCRAM-SHA-512', 'SCRAM-SHA-256'].flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`])
}

/** A restart needs its old port back; an outgoing connection of anybody may hold it for a moment. */
async function retryTakenPort(start: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (cause) {
      if (!(cause instanceof PortTakenError) || attempt === 3) throw cause
      await pause(500)
    }
  }
}

/** Small and quick to start: a broker of tests lives for minutes, so the second compiler never pays. Leaves nothing outside its folder. */
export function jvm({ folder, jars }: { readonly folder: string; readonly jars: string }): string[] {
  return [
    '-Xmx384m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${folder}`,
    `-Dkafka.logs.dir=${folder}`,
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-cp',
    join(jars, '*'),
  ]
}

/** KAFKA_* settings and JVM options of the shell are not for this broker. */
export function environment(): { env: Record<string, string> } {
  return { env: cleanEnvironment({}, ['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS', 'CLASSPATH']) }
}

/** Up means: it answers, under the id we formatted (so it is ours and not another server on that port), and knows all its fellows. */
async function untilMember(options: KafkaNodeOptions, child: GuardedProcess, logFile: string): Promise<void> {
  const deadline = AbortSignal.timeout(60_000)
  for (;;) {
    if (!child.running()) throw await failure(options.id, `ended with ${await child.exited}`, logFile)
    if (deadline.aborted) {
      await child.end('SIGKILL')
      throw await failure(options.id, 'did not answer within 60 s', logFile)
    }
    try {
      const { clusterId, brokers } = await kafkaMetadata(options.port, AbortSignal.any([deadline, AbortSignal.timeout(5_000)]))
      if (clusterId === options.clusterId && brokers.length >= options.clusterSize) return
    } catch {
      // Not listening yet; whether it ever will, the loop's head decides.
    }
    await pause(50)
  }
}

async function failure(id: number, what: string, logFile: string): Promise<Error> {
  const log = await readFile(logFile, 'utf8').catch(() => '')
  const message = `Kafka broker ${id} ${what}. The end of its log:\n${log.slice(-3_000)}`
  return /Address already in use/.test(log.slice(-20_000)) ? new PortTakenError(message) : new Error(message)
}
