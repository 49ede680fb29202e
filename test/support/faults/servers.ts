import { inject } from 'vitest'
import type { KafkaOptions, KafkaServer } from '../../../stack/kafka-broker.ts'
import { startPostgres } from '../../../stack/postgres-server.ts'
import type { PostgresOptions, PostgresServer } from '../../../stack/postgres-server.ts'
import { startProxiedKafka } from './proxied-kafka.ts'
import type { TcpProxy } from './tcp-proxy.ts'

/** The servers of a fault fixture. The harness speaks to them directly, the daemons through the proxies. */
export interface Servers extends AsyncDisposable {
  /** For the harness. */
  readonly brokers: readonly string[]
  /** For daemons. */
  readonly advertised: readonly string[]
  /** One per own broker, in the order of their ids; none for the shared broker, which advertises its own address. */
  readonly kafkaProxies: readonly TcpProxy[]
  /** Only where the fixture has its own. */
  readonly kafka: KafkaServer | null
  readonly postgres: PostgresServer | null
  /** Of the harness; undefined: a database on the shared server. */
  readonly ownDatabaseUrl: string | undefined
  /** Starts what was stopped, killed or frozen. */
  heal(): Promise<void>
}

/** `true` starts a server for this fixture alone; without, the run's shared server is used, which must not be broken. */
export interface ServerOptions {
  readonly ownKafka?: boolean | KafkaOptions
  readonly ownPostgres?: boolean | PostgresOptions
}

/** Outside vitest there are no shared servers: both must be started for the fixture. */
export async function startServers({ ownKafka = false, ownPostgres = false }: ServerOptions): Promise<Servers> {
  const [proxied, postgres] = await Promise.all([
    ownKafka === false ? null : startProxiedKafka(ownKafka === true ? {} : ownKafka),
    ownPostgres === false ? null : startPostgres(ownPostgres === true ? {} : ownPostgres),
  ])
  const kafka = proxied?.kafka ?? null
  const brokers = proxied?.direct ?? inject('kafkaBootstrap')
  return {
    brokers,
    advertised: proxied?.bootstrap ?? brokers,
    kafkaProxies: proxied?.proxies ?? [],
    kafka,
    postgres,
    ownDatabaseUrl: postgres?.url,
    async heal() {
      for (const node of kafka?.brokers ?? []) if (node.pid() !== undefined) node.signal('SIGCONT')
      await Promise.all([...(kafka?.brokers ?? []).map((node) => node.start()), postgres?.resume()])
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([proxied?.[Symbol.asyncDispose](), postgres?.stop()])
    },
  }
}
