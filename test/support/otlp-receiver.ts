import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** A span as a collector reads it, with the attributes by their names. */
export interface ReceivedSpan {
  readonly name: string
  /** By the number of OTLP, which is one above that of the API: 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly attributes: Readonly<Record<string, unknown>>
  /** 2: error. */
  readonly status: number
  readonly events: readonly unknown[]
  /** Nanoseconds since 1970. */
  readonly start: bigint
  readonly end: bigint
  readonly resource: Readonly<Record<string, unknown>>
}

export interface OtlpReceiver extends AsyncDisposable {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT is to be. */
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** Headers of the last request. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Requests so far. */
  readonly requests: number
}

/** A collector that takes OTLP in JSON over HTTP on 127.0.0.1 and remembers it, or, with another status, nothing. `hangs`: it never answers. */
export async function startOtlpReceiver(options: { readonly status?: number; readonly hangs?: true } = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  let headers: OtlpReceiver['headers'] = {}
  let requests = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    requests += 1
    headers = request.headers
    if (options.hangs === true) return
    const { status = 200 } = options
    if (status === 200 && request.url === '/v1/traces' && request.headers['content-type'] === 'application/json') {
      const bytes = Buffer.concat(chunks)
      spans.push(...spansIn(JSON.parse(String(request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes))))
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  }
  // A daemon that is killed meanwhile: nothing is left to answer.
  const server = createServer((request, response) => void handle(request, response).catch(() => request.socket.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server that listens has a port
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    get headers() {
      return headers
    },
    get requests() {
      return requests
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto, in JSON */
interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Pairs }
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly name: string
        readonly kind: number
        readonly traceId: string
        readonly spanId: string
        readonly parentSpanId?: string
        readonly startTimeUnixNano: string
        readonly endTimeUnixNano: string
        readonly attributes: Pairs
        readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
        readonly status?: { readonly code?: number }
        readonly events?: readonly unknown[]
      }[]
    }[]
  }[]
}

type Pairs = readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]

function spansIn({ resourceSpans }: Exported): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes, links = [], status = {}, events = [], startTimeUnixNano, endTimeUnixNano, ...span }) => ({
        ...span,
        attributes: valuesOf(attributes),
        links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
        status: status.code ?? 0,
        events,
        start: BigInt(startTimeUnixNano),
        end: BigInt(endTimeUnixNano),
        resource: valuesOf(resource.attributes),
      })),
    ),
  )
}

/** A whole number is a number, or a text by the mapping of protobuf to JSON; here always a bigint, so that a text attribute is told apart. */
function valuesOf(pairs: Pairs): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [key, 'intValue' in value ? BigInt(String(value['intValue'])) : Object.values(value)[0]]),
  )
}
