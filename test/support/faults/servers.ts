import { inject } from 'vitest'
import { startKafka } from '../../../stack/kafka-broker.ts'
import type { KafkaOptions, KafkaServer } from '../../../stack/kafka-broker.ts'
import { startPostgres } from '../../../stack/postgres-server.ts'
import type { PostgresOptions, PostgresServer } from '../../../stack/postgres-server.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import type { TcpProxy } from './tcp-proxy.ts'

/** The servers of a fault scene. The harness speaks to them directly, the daemons through the proxies. */
export interface Servers extends AsyncDisposable {
  /** For the harness. */
  readonly brokers: readonly string[]
  /** For daemons. */
  readonly advertised: readonly string[]
  /** One per broker of one's own, in the order of their ids; none before the shared broker, which tells clients its own address. */
  readonly kafkaProxies: readonly TcpProxy[]
  /** Only where the scene has its own. */
  readonly kafka: KafkaServer | null
  readonly postgres: PostgresServer | null
  /** Of the harness; undefined: a database on the shared server. */
  readonly ownDatabaseUrl: string | undefined
  /** Starts what was stopped, killed or frozen. */
  heal(): Promise<void>
}

/** `true` starts a server of the scene's own; without, the run's shared one serves, which nobody may break. */
export interface ServerOptions {
  readonly ownKafka?: boolean | KafkaOptions
  readonly ownPostgres?: boolean | PostgresOptions
}

/** Outside vitest there are no shared servers: both must be the scene's own. */
export async function startServers({ ownKafka = false, ownPostgres = false }: ServerOptions): Promise<Servers> {
  const proxies = new Map<number, TcpProxy>()
  const [kafka, postgres] = await Promise.all([
    ownKafka === false ? null : startOwnKafka(ownKafka === true ? {} : ownKafka, proxies),
    ownPostgres === false ? null : startPostgres(ownPostgres === true ? {} : ownPostgres),
  ])
  const direct = kafka?.secured[DIRECT]
  const brokers = direct === undefined ? inject('kafkaBootstrap') : [direct]
  return {
    brokers,
    advertised: kafka?.bootstrap ?? brokers,
    kafkaProxies: [...proxies].sort(([one], [other]) => one - other).map(([, proxy]) => proxy),
    kafka,
    postgres,
    ownDatabaseUrl: postgres?.url,
    async heal() {
      for (const node of kafka?.brokers ?? []) if (node.pid() !== undefined) node.signal('SIGCONT')
      await Promise.all([...(kafka?.brokers ?? []).map((node) => node.start()), postgres?.resume()])
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([kafka?.stop(), postgres?.stop()])
      await Promise.all([...proxies.values()].map((proxy) => proxy[Symbol.asyncDispose]()))
    },
  }
}

/** Where the harness is served, past the proxies. */
const DIRECT = 'DIRECT'

function startOwnKafka(options: KafkaOptions, proxies: Map<number, TcpProxy>): Promise<KafkaServer> {
  return startKafka({
    ...options,
    listeners: [...(options.listeners ?? []), { name: DIRECT }],
    advertise: async ({ id, port }) => {
      // A start that found a port taken begins again with others.
      await proxies.get(id)?.[Symbol.asyncDispose]()
      const proxy = await startTcpProxy({ target: { port } })
      proxies.set(id, proxy)
      return proxy.port
    },
  })
}
