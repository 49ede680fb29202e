import type net from 'node:net'
import kafkajs from 'kafkajs'
import type { ISocketFactory, Kafka } from 'kafkajs'
import { clientAccess } from './access.ts'
import type { KafkaAccess } from './access.ts'
import { brokerSockets } from '../patches/broker-sockets.ts'
import { clientLog } from './client-log.ts'
import type { ClientLog } from './client-log.ts'
import { patchRequestQueue } from '../patches/request-queue.ts'

/** How to reach the cluster; the same for every client. */
export interface KafkaSettings extends KafkaAccess {
  /** `host:port`, used as given. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** Default: 5 s; kafkajs's own 1 s is too short for a busy broker. */
  readonly connectionTimeoutMs?: number
  /** Default: 30 s. */
  readonly requestTimeoutMs?: number
  /** Replaces {@link brokerSockets}. */
  readonly socketFactory?: ISocketFactory
  /** Receives the log lines of the client; a record source reports its lines to its handlers instead. */
  readonly onLog?: (line: ClientLog) => void
}

export interface KafkaClient {
  readonly kafka: Kafka
  /** Destroys all connections and refuses new ones: the last step of a stop when the broker does not answer. */
  readonly destroyConnections: () => void
}

/**
 * The only place that creates a `new Kafka()`. Create one per consumer, so that its connections and log lines are its own.
 *
 * @param options.retries how often kafkajs itself retries, with exponential backoff from 300 ms, before it throws
 * @param options.longestWaitMs the longest legitimate wait for a response (a join waits for the other members)
 */
export function createKafkaClient(settings: KafkaSettings, options: { retries: number; longestWaitMs?: number }): KafkaClient {
  const requestTimeoutMs = settings.requestTimeoutMs ?? 30_000
  const { onLog } = settings
  const access = clientAccess(settings, (sentence) =>
    onLog?.({ level: 'warn', message: `the last secrets and certificates stay in use: ${sentence}`, detail: {} }),
  )
  const factory = settings.socketFactory ?? brokerSockets({ idleMs: Math.max(requestTimeoutMs, options.longestWaitMs ?? 0) + 30_000 })
  const sockets = trackedSockets(({ ssl, ...request }) => factory({ ...request, ssl: ssl ? access.tlsNow() : ssl }))
  const kafka = new kafkajs.Kafka({
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: settings.connectionTimeoutMs ?? 5_000,
    requestTimeout: requestTimeoutMs,
    retry: retrySettings(options.retries),
    socketFactory: sockets.open,
    logLevel: kafkajs.logLevel.INFO,
    // Once the connections are destroyed, kafkajs logs only that.
    logCreator: () => (entry) => (sockets.isClosed() ? undefined : onLog?.(clientLog(entry))),
    ...access.options,
  })
  return { kafka, destroyConnections: sockets.destroyAll }
}

/** All five, because kafkajs has other defaults when NODE_ENV is `test`. */
export function retrySettings(retries: number) {
  return { retries, initialRetryTime: 300, factor: 0.2, multiplier: 2, maxRetryTime: 30_000 }
}

function trackedSockets(factory: ISocketFactory) {
  const open = new Set<net.Socket>()
  let isClosed = false
  return {
    open: ((request) => {
      if (isClosed) throw new Error('the client is closed')
      const socket = factory(request)
      open.add(socket)
      socket.once('close', () => {
        open.delete(socket)
        // kafkajs unreferences its dead sockets at every connection attempt, and each call would leave a listener for `connect`.
        socket.unref = () => socket
      })
      return socket
    }) satisfies ISocketFactory,
    isClosed: () => isClosed,
    destroyAll: () => {
      isClosed = true
      // With an error, because kafkajs does not listen for `close`: its requests would wait for their timeouts.
      for (const socket of open) socket.destroy(new Error('the client is closed'))
    },
  }
}

// The patches that only readers need are in patches/for-readers.ts, so that the publisher's package goes without them.
patchRequestQueue()
