import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from './free-port.ts'
import { requireJava } from './java-tools.ts'
import { defaultKafkaVersion, kafkaJars } from './kafka-jars.ts'
import type { OnProgress } from './kafka-jars.ts'
import type { KafkaUser, SecureListener } from './kafka-listeners.ts'
import { listenerProperties, protocolOf } from './kafka-listeners.ts'
import type { KafkaNode } from './kafka-node.ts'
import { createKafkaNode, PortTakenError } from './kafka-node.ts'
import { setScramPassword } from './kafka-users.ts'
import { tempFolder } from './temp-folder.ts'

export type KafkaServer = {
  /** `127.0.0.1:port` of every broker, as advertised. */
  readonly bootstrap: readonly string[]
  /** `127.0.0.1:port` of the first broker's further listeners, by their names. */
  readonly secured: Readonly<Record<string, string>>
  /** `127.0.0.1:port` of every broker's further listener of that name. */
  listening(name: string): readonly string[]
  readonly clusterId: string
  readonly version: string
  /** In the order of their ids 1, 2, 3. */
  readonly brokers: readonly KafkaNode[]
  /** Gives a user of SCRAM another password, as an administrator would. */
  setPassword(user: KafkaUser): Promise<void>
  /** Kills the brokers and removes their data. Idempotent. */
  stop(): Promise<void>
}

export type KafkaOptions = {
  readonly brokers?: 1 | 3
  readonly version?: string
  readonly onProgress?: OnProgress
  /** Broker properties over ours, for every broker. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>
  /** Listeners beside the plain one, which stays. */
  readonly listeners?: readonly SecureListener[]
  /** Who may log in by SCRAM-SHA-512 and SCRAM-SHA-256. */
  readonly users?: readonly KafkaUser[]
  /** The port that is advertised to clients for a broker, when something (a proxy of a fault test) stands before it. */
  readonly advertise?: (broker: { readonly id: number; readonly port: number }) => number | Promise<number>
}

/**
 * A real Kafka: KRaft, every broker also a controller, on 127.0.0.1 and ports of the operating system, data in a temporary folder that goes
 * with it. Up in about three seconds once the jars are cached. Ends with this process if not stopped before.
 *
 * @throws one sentence when Java or Maven is missing; the end of the broker's log when it does not come up
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const version = options.version ?? defaultKafkaVersion
  const [java, jars] = await Promise.all([requireJava(), kafkaJars({ ...options, version })])
  for (let attempt = 1; ; attempt++) {
    try {
      return await startCluster(options, { java, jars, version })
    } catch (cause) {
      // Ports are free when they are chosen, but another process may take one before the broker binds it. Try others.
      if (!(cause instanceof PortTakenError) || attempt === 3) throw cause
    }
  }
}

async function startCluster(options: KafkaOptions, tools: { java: string; jars: string; version: string }): Promise<KafkaServer> {
  const size = options.brokers ?? 1
  const startedAt = performance.now()
  options.onProgress?.(`Kafka ${tools.version}: starting ${size === 1 ? 'one broker' : `${size} brokers`}`)
  // Kafka's tool takes a value that begins with a hyphen for an option, as Kafka's own random ids never do.
  const clusterId = `k${randomBytes(16).toString('base64url').slice(1)}`
  const folder = tempFolder('kafka')
  const { listeners = [], users = [] } = options
  const members = membersOf(await freePorts(size * (3 + listeners.length)), size)
  const nodes: KafkaNode[] = []
  const stop = async () => {
    await Promise.all(nodes.map(async (node) => node.kill()))
    await folder.remove()
  }
  try {
    const advertised = await Promise.all(members.map(async ({ id, port }) => (await options.advertise?.({ id, port })) ?? port))
    const create = async (member: Member, index: number) => {
      const home = join(folder.path, String(member.id))
      await mkdir(home)
      const more = await Promise.all(listeners.map((listener) => listenerProperties(listener, home)))
      const own = propertiesOf(member, members, advertised[index] ?? member.port, listeners)
      const properties = Object.assign({}, own, ...more, options.properties)
      return createKafkaNode({ ...member, ...tools, clusterId, clusterSize: size, folder: home, properties, users })
    }
    nodes.push(...(await Promise.all(members.map(create))))
    // Together: a quorum of three has no leader while only one of them runs.
    await Promise.all(nodes.map(async (node) => node.start()))
    options.onProgress?.(`Kafka ${tools.version}: up after ${secondsSince(startedAt)} s`)
    return {
      bootstrap: advertised.map((port) => `127.0.0.1:${port}`),
      secured: Object.fromEntries(listeners.map(({ name }, index) => [name, `127.0.0.1:${members[0]?.morePorts[index]}`])),
      listening: (listener) => {
        const index = listeners.findIndex(({ name }) => name === listener)
        return members.map(({ morePorts }) => `127.0.0.1:${morePorts[index]}`)
      },
      clusterId,
      version: tools.version,
      brokers: nodes,
      setPassword: (user) => setScramPassword({ ...tools, folder: folder.path, port: members[0]?.port ?? 0 }, user),
      stop,
    }
  } catch (cause) {
    await stop()
    throw cause
  }
}

function secondsSince(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(1)
}

type Member = {
  readonly id: number
  readonly port: number
  readonly internalPort: number
  readonly controllerPort: number
  /** Of the further listeners, in their order. */
  readonly morePorts: readonly number[]
}

function membersOf(ports: readonly number[], size: number): Member[] {
  const each = ports.length / size
  return Array.from({ length: size }, (_, index) => {
    const [port = 0, internalPort = 0, controllerPort = 0, ...morePorts] = ports.slice(index * each, (index + 1) * each)
    return { id: index + 1, port, internalPort, controllerPort, morePorts }
  })
}

/** Brokers talk to each other on a listener of their own, so that a fault put before the clients' one does not split the cluster. */
function propertiesOf(
  member: Member,
  members: readonly Member[],
  advertisedPort: number,
  listeners: readonly SecureListener[],
): Record<string, string | number | boolean> {
  const more = listeners.map(({ name }, index) => `,${name}://127.0.0.1:${member.morePorts[index]}`).join('')
  const copies = members.length
  const inSync = copies === 1 ? 1 : 2
  return {
    'process.roles': 'broker,controller',
    'node.id': member.id,
    'controller.quorum.voters': members.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    listeners: `CLIENT://127.0.0.1:${member.port},INTERNAL://127.0.0.1:${member.internalPort},CONTROLLER://127.0.0.1:${member.controllerPort}${more}`,
    'advertised.listeners': `CLIENT://127.0.0.1:${advertisedPort},INTERNAL://127.0.0.1:${member.internalPort}${more}`,
    'listener.security.protocol.map': ['CLIENT:PLAINTEXT', 'INTERNAL:PLAINTEXT', 'CONTROLLER:PLAINTEXT']
      .concat(listeners.map((listener) => `${listener.name}:${protocolOf(listener)}`))
      .join(','),
    'auto.create.topics.enable': false,
    'default.replication.factor': copies,
    // 7 days by default: a daemon refuses a topic that keeps events for less than their class asks, and tests create topics without settings.
    'log.retention.ms': 30 * 86_400_000,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    // 50 by default: the first group of every test would wait for their creation.
    'offsets.topic.num.partitions': 10,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker may not register again before its old session is over: 9 s by default, and all that time no restart is up.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
  }
}
