import type { Daemon } from '../../support/daemon.ts'
import { startServers } from '../../support/faults/servers.ts'
import { startTcpProxy, type TcpProxy } from '../../support/faults/tcp-proxy.ts'
import { setScene, type Scene } from '../../support/scene.ts'

export const dependencies = ['kafka', 'postgres', 'relay', 'endpoint'] as const
export type Dependency = (typeof dependencies)[number]

/** A scene whose daemon reaches everything through proxies, and the test itself goes past them. */
export interface ProxiedScene extends AsyncDisposable {
  readonly scene: Scene
  readonly proxies: Readonly<Record<Dependency, TcpProxy>>
  /** A webhook endpoint as the daemon is to reach it. */
  endpoint(path: string): { readonly url: string; readonly secret: string }
  /** It logs at the level that is the default. */
  daemon(variables?: Readonly<Record<string, string>>): Daemon
}

export async function proxiedScene(): Promise<ProxiedScene> {
  await using started = new AsyncDisposableStack()
  const servers = started.use(await startServers({ ownKafka: true }))
  const [kafka] = servers.kafkaProxies
  if (kafka === undefined) throw new Error('there is no proxy before the broker')
  const scene = started.use(await setScene({ brokers: servers.brokers }))
  const database = new URL(scene.databaseUrl)
  const postgres = started.use(await startTcpProxy({ target: { port: Number(database.port) } }))
  const relay = started.use(await startTcpProxy({ target: { port: scene.smtp.port } }))
  const endpoint = started.use(await startTcpProxy({ target: { port: scene.webhooks.port } }))
  const proxies = { kafka, postgres, relay, endpoint }
  const through = {
    KAFKA_BROKERS: servers.advertised.join(),
    DATABASE_URL: Object.assign(database, { port: String(postgres.port) }).href,
    SMTP_URL: `smtp://127.0.0.1:${relay.port}`,
    LOG_LEVEL: 'info',
  }
  const own = started.move()
  return {
    scene,
    proxies,
    endpoint(path) {
      const { url, secret } = scene.webhooks.endpoint(path)
      return { url: Object.assign(new URL(url), { port: String(endpoint.port) }).href, secret }
    },
    daemon: (variables = {}) => scene.daemon({ ...through, ...variables }),
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  }
}
