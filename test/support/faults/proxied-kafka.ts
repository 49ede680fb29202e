import { startKafka, type KafkaOptions, type KafkaServer } from '../../../stack/kafka-broker.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** A cluster that clients reach through one proxy per broker, whatever the metadata says; brokers speak to each other past them. */
export interface ProxiedKafka extends AsyncDisposable {
  readonly kafka: KafkaServer
  /** In the order of the brokers' ids. */
  readonly proxies: readonly TcpProxy[]
  /** `127.0.0.1:port` of every proxy. */
  readonly bootstrap: readonly string[]
  /** `127.0.0.1:port` of every broker on a listener that leads past the proxies: for the harness. */
  readonly direct: readonly string[]
}

export async function startProxiedKafka(options: Omit<KafkaOptions, 'advertise'> = {}): Promise<ProxiedKafka> {
  const proxies = new Map<number, TcpProxy>()
  const endProxies = async () => {
    await Promise.all([...proxies.values()].map((proxy) => proxy[Symbol.asyncDispose]()))
  }
  try {
    const kafka = await startKafka({
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
    return {
      kafka,
      proxies: [...proxies].sort(([one], [other]) => one - other).map(([, proxy]) => proxy),
      bootstrap: kafka.bootstrap,
      direct: kafka.listening(DIRECT),
      [Symbol.asyncDispose]: async () => {
        await kafka.stop()
        await endProxies()
      },
    }
  } catch (cause) {
    await endProxies()
    throw cause
  }
}

const DIRECT = 'DIRECT'
