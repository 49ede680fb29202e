import type { Dispatcher } from 'undici'
import sendRequest from 'undici/lib/api/api-request.js'
import buildConnector from 'undici/lib/core/connect.js'
import { HTTPParserError } from 'undici/lib/core/errors.js'
import Agent from 'undici/lib/dispatcher/agent.js'
import type { WebhookClient, WebhookFailure, WebhookReply, WebhookRequest } from '../../delivery/webhook/webhook-client.ts'
import type { AddressGuard } from './address-guard.ts'
import { webhookUrl } from './webhook-url.ts'

export interface WebhookClientSettings {
  readonly guard: AddressGuard
  /** Connections to one origin at most. */
  readonly connectionsPerOrigin?: number
  readonly connectTimeoutMs?: number
  /** For endpoints with a certificate of one's own (tests, private networks): PEM, in place of the system's authorities. */
  readonly authorities?: readonly string[]
}

/** Replies are judged by their status; a body is read only to keep the connection, within these limits. */
const bodyLimitBytes = 64 * 1024
const bodyGraceMs = 1_000

/** undici behind the guard: one pool per origin, HTTP/1.1, keep-alive, no redirects (undici's `request` follows none). */
export function createWebhookClient(settings: WebhookClientSettings): WebhookClient {
  const { guard, connectionsPerOrigin = 10, connectTimeoutMs = 10_000, authorities } = settings
  const dial = buildConnector({
    allowH2: false,
    timeout: connectTimeoutMs,
    lookup: guard.lookup,
    ...(authorities === undefined ? {} : { ca: [...authorities] }),
  })
  const agent = new Agent({
    connections: connectionsPerOrigin,
    allowH2: false,
    pipelining: 1,
    maxResponseSize: bodyLimitBytes,
    maxHeaderSize: 16 * 1024,
    // A server may request a longer keep-alive, up to this limit.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 30_000,
    // The total deadline is ours; undici's two timers would only add others.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(options, callback) {
      try {
        // A host that is an address is never looked up: the guard's lookup alone would let it through.
        guard.checkLiteral(options.hostname)
      } catch (error) {
        callback(error instanceof Error ? error : new Error(String(error)), null)
        return
      }
      dial(options, callback)
    },
  })

  let stopped: Promise<void> | undefined
  return {
    post: (request, signal) => post(agent, request, signal),
    stop: () => (stopped ??= agent.destroy()),
  }
}

async function post(agent: Agent, request: WebhookRequest, signal: AbortSignal): Promise<WebhookReply> {
  const began = performance.now()
  const elapsedMs = (): number => Math.round(performance.now() - began)
  const url = webhookUrl(request.url)
  if (url === null) return { is: 'failed', failure: 'url-refused', durationMs: 0 }
  if (signal.aborted) return { is: 'failed', failure: 'stopped', durationMs: 0 }

  const cut = new AbortController()
  let late = false
  const timer = setTimeout(() => {
    late = true
    cut.abort()
  }, request.deadlineMs)
  const onAbort = (): void => cut.abort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const response = await sendRequest.call(agent, {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      headers: request.headers,
      body: request.body,
      signal: cut.signal,
    })
    const durationMs = elapsedMs()
    await discard(response.body, request.deadlineMs - durationMs)
    const retryAfter = response.headers['retry-after']
    return { is: 'reply', status: response.statusCode, retryAfter: typeof retryAfter === 'string' ? retryAfter : null, durationMs }
  } catch (error) {
    const failure = late || elapsedMs() >= request.deadlineMs ? 'timeout' : signal.aborted ? 'stopped' : failureOf(error)
    return { is: 'failed', failure, durationMs: elapsedMs() }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * The status is known, so that nothing in the body can change the outcome: a short body is read to the end, which keeps
 * the connection; an endless or dripping one is cut, and the connection with it.
 */
async function discard(body: Dispatcher.ResponseData['body'], leftMs: number): Promise<void> {
  const timer = setTimeout(() => body.destroy(), Math.max(0, Math.min(bodyGraceMs, leftMs)))
  try {
    await body.dump({ limit: bodyLimitBytes })
  } catch {
    // Aborted by us, or lost after the status: the outcome stands either way.
  } finally {
    clearTimeout(timer)
  }
}

/** Codes of Node and undici in our own words; their messages name addresses and are not kept. */
function failureOf(error: unknown): WebhookFailure {
  const codes = codesOf(error)
  const any = (...wanted: readonly string[]): boolean => codes.some((code) => wanted.includes(code))
  if (any('ADDRESS_REFUSED')) return 'address-refused'
  if (any('ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_FAIL', 'EAI_NONAME')) return 'unresolved'
  if (any('UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT')) return 'timeout'
  if (any('ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL')) return 'connection-refused'
  if (codes.some((code) => /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|EPROTO)/.test(code))) return 'tls-failed'
  const unreadableReply = codes.some((code) => code.startsWith('HPE_') || unreadable.has(code))
  if (error instanceof HTTPParserError || unreadableReply) return 'unreadable-reply'
  return 'connection-lost'
}

const unreadable: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_EXCEEDED_MAX_SIZE', 'UND_ERR_RESPONSE'])

/** The code of the error, of its causes, and of what an AggregateError (several addresses tried) gathers. */
function codesOf(error: unknown, depth = 0): readonly string[] {
  if (!(error instanceof Error) || depth > 3) return []
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  const gathered = error instanceof AggregateError ? error.errors.flatMap((each) => codesOf(each, depth + 1)) : []
  return [...own, ...gathered, ...codesOf(error.cause, depth + 1)]
}
