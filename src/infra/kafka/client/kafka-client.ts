import type net from 'node:net'
import kafkajs from 'kafkajs'
import type { ISocketFactory, Kafka } from 'kafkajs'
import { patchAbortedRecords } from '../patches/aborted-records.ts'
import { clientAccess } from './access.ts'
import type { KafkaAccess } from './access.ts'
import { brokerSockets } from '../patches/broker-sockets.ts'
import { clientLog } from './client-log.ts'
import type { ClientLog } from './client-log.ts'
import { registerCodecs } from '../patches/codecs.ts'
import { patchCoordinatorRefusals } from '../patches/coordinator-refusal.ts'
import { patchRecordSets } from '../patches/record-set.ts'
import { patchRequestQueue } from '../patches/request-queue.ts'

/** How to reach the cluster; the same for every client. */
export interface KafkaSettings extends KafkaAccess {
  /** `host:port`, used as given. */
  readonly brokers: readonly string[]
  readonly clientId: string
  /** 5 s when not given; kafkajs's own 1 s is too short for a busy broker. */
  readonly connectionTimeoutMs?: number
  /** 30 s when not given. */
  readonly requestTimeoutMs?: number
  /** Replaces our own sockets. */
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
 * @param options.retries how often kafkajs itself tries again, at growing distances from 300 ms, before it gives an error to us
 * @param options.longestWaitMs the longest that a request may rightly wait for its answer (a join waits for the other members)
 */
export function createKafkaClient(settings: KafkaSettings, options: { retries: number; longestWaitMs?: number }): KafkaClient {
  const requestTimeoutMs = settings.requestTimeoutMs ?? 30_000
  const sockets = trackedSockets(
    settings.socketFactory ?? brokerSockets({ idleMs: Math.max(requestTimeoutMs, options.longestWaitMs ?? 0) + 30_000 }),
  )
  const { onLog } = settings
  const kafka = new kafkajs.Kafka({
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: settings.connectionTimeoutMs ?? 5_000,
    requestTimeout: requestTimeoutMs,
    retry: retrySettings(options.retries),
    socketFactory: sockets.open,
    logLevel: kafkajs.logLevel.INFO,
    // After the cut kafkajs only complains of the cut.
    logCreator: () => (entry) => (sockets.isCut() ? undefined : onLog?.(clientLog(entry))),
    ...clientAccess(settings),
  })
  return { kafka, destroyConnections: sockets.cut }
}

/** All five, because kafkajs has other defaults when NODE_ENV is `test`. */
export function retrySettings(retries: number) {
  return { retries, initialRetryTime: 300, factor: 0.2, multiplier: 2, maxRetryTime: 30_000 }
}

function trackedSockets(factory: ISocketFactory) {
  const open = new Set<net.Socket>()
  let isCut = false
  return {
    open: ((request) => {
      if (isCut) throw new Error('the client is closed')
      const socket = factory(request)
      open.add(socket)
      socket.once('close', () => {
        open.delete(socket)
        // kafkajs lets go of its dead sockets at every try to connect, and each time Node would keep a listener for the connection to come.
        socket.unref = () => socket
      })
      return socket
    }) satisfies ISocketFactory,
    isCut: () => isCut,
    cut: () => {
      isCut = true
      // With an error: kafkajs does not listen for `close`, and its requests would wait for their own timeouts.
      for (const socket of open) socket.destroy(new Error('the client is closed'))
    },
  }
}

registerCodecs()
patchRequestQueue()
patchRecordSets()
patchAbortedRecords()
patchCoordinatorRefusals()
