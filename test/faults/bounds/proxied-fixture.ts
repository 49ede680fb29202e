import type { Daemon } from '../../support/daemon.ts'
import { startServers } from '../../support/faults/servers.ts'
import { startTcpProxy, type TcpProxy } from '../../support/faults/tcp-proxy.ts'
import { createFixture, type Fixture } from '../../support/fixture.ts'

export const dependencies = ['kafka', 'postgres', 'relay', 'endpoint'] as const
export type Dependency = (typeof dependencies)[number]

/** A fixture whose daemon reaches everything through proxies, and the test itself goes past them. */
export interface ProxiedFixture extends AsyncDisposable {
  readonly base: Fixture
  readonly proxies: Readonly<Record<Dependency, TcpProxy>>
  /** A webhook endpoint as the daemon is to reach it. */
  endpoint(path: string): { readonly url: string; readonly secret: string }
  /** It logs at the level that is the default. */
  daemon(variables?: Readonly<Record<string, string>>): Daemon
}

export async function createProxiedFixture(): Promise<ProxiedFixture> {
  await using started = new AsyncDisposableStack()
  const servers = started.use(await startServers({ ownKafka: true }))
  const [kafka] = servers.kafkaProxies
  if (kafka === undefined) throw new Error('there is no proxy before the broker')
  const fixture = started.use(await createFixture({ brokers: servers.brokers }))
  const database = new URL(fixture.databaseUrl)
  const postgres = started.use(await startTcpProxy({ target: { port: Number(database.port) } }))
  const relay = started.use(await startTcpProxy({ target: { port: fixture.smtp.port } }))
  const endpoint = started.use(await startTcpProxy({ target: { port: fixture.webhooks.port } }))
  const proxies = { kafka, postgres, relay, endpoint }
  const through = {
    KAFKA_BROKERS: servers.advertised.join(),
    DATABASE_URL: Object.assign(database, { port: String(postgres.port) }).href,
    SMTP_URL: `smtp://127.0.0.1:${relay.port}`,
    LOG_LEVEL: 'info',
  }
  const own = started.move()
  return {
    base: fixture,
    proxies,
    endpoint(path) {
      const { url, secret } = fixture.webhooks.endpoint(path)
      return { url: Object.assign(new URL(url), { port: String(endpoint.port) }).href, secret }
    },
    daemon: (variables = {}) => fixture.daemon({ ...through, ...variables }),
    [Symbol.asyncDispose]: () => own.disposeAsync(),
  }
}
