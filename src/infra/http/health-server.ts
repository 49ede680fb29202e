import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { OperatorError } from '../../std/failure.ts'
import type { AdminRoutes } from './admin-routes.ts'
import type { SuppressionEndpoint } from './suppression-endpoint.ts'

/** Whether the process is well, and the result of each check with its reason. Never holds an address or a secret. */
export interface HealthReport {
  readonly ok: boolean
  readonly checks: Readonly<Record<string, HealthCheck>>
}

/** What is not ok says why: one of the reasons of docs/reference/health.md, a sentence for people, and since when in ISO 8601. */
export interface HealthCheck {
  readonly ok: boolean
  readonly reason?: string
  readonly message?: string
  readonly since?: string
}

export interface HealthServerOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Fails only without progress, which a restart may fix; never for a dependency that is down or an intended pause. */
  readonly live: () => HealthReport | Promise<HealthReport>
  /** Assigned and able to work. */
  readonly ready: () => HealthReport | Promise<HealthReport>
  /** The state of each group, for operators; not for probes. */
  readonly status: () => Promise<object>
  /** The lag of each group with its causes, for operators and autoscalers; not for probes. */
  readonly lag: () => Promise<object>
  /** The exposition text of Prometheus. */
  readonly metrics: () => Promise<string>
  /** Serves /suppressions; without it the path does not exist. */
  readonly suppressions?: SuppressionEndpoint | null
  /** Serves everything under /admin/; without it the paths do not exist. */
  readonly admin?: AdminRoutes
}

export interface HealthServer {
  readonly url: string
  readonly port: number
  /** Closes at once, idle connections and slow clients included. Idempotent. */
  close(): Promise<void>
}

/**
 * Serves `/livez`, `/readyz` and `/metrics`; 200 when well, 503 when not, with a JSON body that says why.
 *
 * @throws {OperatorError} when the address cannot be listened on.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer({ requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 5000 }, (request, response) => {
    answer(request, response, options).catch(() => fail(response))
  })
  // A client that reads its answer one byte a minute must not hold a socket forever.
  server.setTimeout(30_000)
  const port = await listen(server, options)
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  let closed: Promise<void> | undefined
  return { url: `http://${host}:${port}`, port, close: () => (closed ??= close(server)) }
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HealthServerOptions): Promise<void> {
  if (options.suppressions && request.url?.split('?', 1)[0] === '/suppressions') return options.suppressions(request, response)
  if (options.admin && request.url?.startsWith('/admin/') === true) return options.admin(request, response)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    sendJson(response, 405, { error: 'Only GET and HEAD are allowed.' })
    return
  }
  switch (request.url?.split('?', 1)[0] ?? '') {
    case '/livez':
      sendReport(response, await options.live())
      return
    case '/readyz':
      sendReport(response, await options.ready())
      return
    case '/status':
      sendJson(response, 200, await options.status())
      return
    case '/lag':
      sendJson(response, 200, await options.lag())
      return
    case '/metrics':
      send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await options.metrics())
      return
    default:
      sendJson(response, 404, { error: notFound(options.admin?.paths ?? []) })
  }
}

function notFound(admin: readonly string[]): string {
  const posted = admin.length === 0 ? '' : `, and with POST ${admin.join(', ')}`
  return `Not found; the paths are /livez, /readyz, /status, /lag and /metrics${posted}.`
}

function sendReport(response: ServerResponse, report: HealthReport): void {
  sendJson(response, report.ok ? 200 : 503, report)
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, 'application/json; charset=utf-8', `${JSON.stringify(body, plain)}\n`)
}

/** Offsets are numbers, or strings where a number would lose precision. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

/** Node leaves the body out of the answer to HEAD by itself. */
function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' })
  response.end(body)
}

/** A probe whose own code throws is answered, without the thrown text: it may hold anything. */
function fail(response: ServerResponse): void {
  if (response.headersSent) response.destroy()
  else sendJson(response, 500, { error: 'The response could not be created.' })
}

function listen(server: Server, { host, port }: HealthServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new OperatorError(sentenceFor(error, host, port))))
    server.listen({ host, port }, () => {
      server.removeAllListeners('error')
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function sentenceFor(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is taken by another program: stop it, or set HTTP_PORT to a free port (0 picks one).`
    case 'EACCES':
      return `Port ${port} may not be opened by this user: set HTTP_PORT to a port from 1024 on (0 picks a free one).`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HTTP_HOST ${host} is not an address of this machine: set it to 0.0.0.0 for all interfaces or to 127.0.0.1.`
    default:
      return `The health server cannot listen on ${host} port ${port} (${error.code ?? 'unknown cause'}): set HTTP_HOST and HTTP_PORT.`
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
