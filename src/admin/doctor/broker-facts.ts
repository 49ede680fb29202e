import type { TlsFault } from '../../std/tls-fault.ts'

/** How long a probe waits for a connection, for its handshake, and for an answer; milliseconds. */
export const BROKER_ANSWER_MS = 4_000

/**
 * How an address replied instead of with its API versions: `silent` within the time; `closed`: the connection, without a byte; `tls`: with a
 * record of TLS, to a request without; `http`, `postgresql`: as such a server; `other`: with bytes that are not Kafka's.
 */
export type OtherReply = 'silent' | 'closed' | 'tls' | 'http' | 'postgresql' | 'other'

/** One address of a broker, as a connection of its own found it. */
export interface BrokerFacts {
  /** `host:port`. */
  readonly address: string
  /** Null: it accepts connections. Otherwise the system's code, such as ECONNREFUSED, or how long it did not answer. */
  readonly refused: string | null
  /** Null: without TLS, or not reached. */
  readonly tls: {
    /** Null: the handshake and the verification succeeded. */
    readonly fault: TlsFault | null
    /** End of the broker's certificate; milliseconds since 1970; null when it showed none. */
    readonly notAfter: number | null
  } | null
  /** Newest version of each API, by its key; null: it did not answer the request for them. */
  readonly apiVersions: ReadonlyMap<number, number> | null
  /** Null: it answered that request, or it was not sent. */
  readonly reply: OtherReply | null
}

/** The port to what a connection of its own to each address finds; without a login. */
export interface BrokerProbe {
  probe(addresses: readonly string[], signal: AbortSignal): Promise<readonly BrokerFacts[]>
}

/** The port to where the cluster says its brokers are, as `host:port`: a client connects there, not to KAFKA_BROKERS. */
export interface ClusterReader {
  advertisedBrokers(): Promise<readonly string[]>
}

const METADATA = 3
const FETCH = 1
/** The release that introduced a version of an API: https://kafka.apache.org/protocol. Newest first. */
const releases: readonly (readonly [key: number, version: number, release: string])[] = [
  [METADATA, 13, '4.0'],
  [FETCH, 17, '3.9'],
  [FETCH, 16, '3.7'],
  [FETCH, 15, '3.5'],
  [FETCH, 13, '3.1'],
  [METADATA, 10, '2.8'],
  [METADATA, 9, '2.4'],
]

/** The oldest release of Kafka that speaks these versions, as text; brokers do not say their release. */
export function kafkaRelease(apiVersions: ReadonlyMap<number, number>): string {
  const found = releases.find(([key, version]) => (apiVersions.get(key) ?? -1) >= version)
  return found === undefined ? 'older than 2.4' : `${found[2]} or newer`
}
