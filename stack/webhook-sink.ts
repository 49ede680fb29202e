import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'

export type WebhookCall = {
  /** Epoch milliseconds when the body was complete. */
  readonly at: number
  readonly path: string
  /** The three headers of Standard Webhooks as they came, empty when absent. */
  readonly id: string
  readonly timestamp: string
  readonly signature: string
  /** By the reference library, timestamp tolerance included; false for a path without a secret. */
  readonly signatureOk: boolean
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Hex. */
  readonly bodySha256: string
  /** The body, when bodies are kept. */
  readonly body?: Buffer
  /** The status answered; absent while, and forever if, there is no answer. */
  status?: number
}

/** An answer instead of 204. `drop` cuts the connection; `raw` has the response to itself (drip, endless body). */
export type WebhookAnswer = {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly delayMs?: number
  readonly drop?: boolean
  readonly raw?: (response: ServerResponse) => void
}

export type WebhookRespond = (call: WebhookCall) => WebhookAnswer | undefined | Promise<WebhookAnswer | undefined>

export type WebhookSink = {
  /** `http://127.0.0.1:port`, without a path. */
  readonly url: string
  readonly port: number
  /** Every complete request, oldest first; the newest `keepCalls` of them. */
  readonly calls: readonly WebhookCall[]
  /** A new endpoint with a random secret; the URL and secret to configure in the sender. */
  endpoint(path: string): { readonly url: string; readonly secret: string }
  /** The secrets that a path accepts: several while one is rotated. */
  setSecrets(path: string, secrets: readonly string[]): void
  /** Calls `listener` for every request, before the answer; the returned function ends that. */
  onCall(listener: (call: WebhookCall) => void): () => void
  respondWith(respond: WebhookRespond | undefined): void
  halt(): Promise<void>
  resume(): Promise<void>
  /** Closes the server and all connections. Idempotent. */
  stop(): Promise<void>
}

export type WebhookSinkOptions = {
  readonly keepBodies?: boolean
  readonly keepCalls?: number
  readonly respond?: WebhookRespond
  /** A signature of any time is right: where the clocks of senders are wrong on purpose. */
  readonly anyTime?: boolean
}

/**
 * An HTTP server on 127.0.0.1 that checks Standard Webhooks signatures with the reference library, remembers every call and answers on
 * demand.
 */
export async function startWebhookSink(options: WebhookSinkOptions = {}): Promise<WebhookSink> {
  const keepCalls = options.keepCalls ?? Infinity
  const calls: WebhookCall[] = []
  const secrets = new Map<string, readonly Webhook[]>()
  const listeners = new Set<(call: WebhookCall) => void>()
  const closing = new AbortController()
  let respond = options.respond

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = await readCall(request, secrets, options)
    calls.push(call)
    if (calls.length > keepCalls) calls.shift()
    for (const listener of listeners) listener(call)
    const answer = (await respond?.(call)) ?? {}
    if (answer.delayMs !== undefined) await pause(answer.delayMs, undefined, { signal: closing.signal })
    if (answer.drop) return void request.socket.destroy()
    if (answer.raw) {
      answer.raw(response)
      // A head has a status, whatever becomes of the body behind it.
      if (response.headersSent) call.status = response.statusCode
      return
    }
    call.status = answer.status ?? 204
    response.writeHead(call.status, answer.headers).end(answer.body)
  }
  const server = createServer((request, response) => {
    // A client that gives up mid-request, a hook that throws, or our own stop: all the sink can do is to hang up.
    handle(request, response).catch(() => request.socket.destroy())
  })
  const port = await listen(server, 0)
  const url = `http://127.0.0.1:${port}`
  const halt = async () => close(server)
  const setSecrets = (path: string, values: readonly string[]) => {
    secrets.set(
      path,
      values.map((secret) => new Webhook(secret)),
    )
  }
  return {
    url,
    port,
    calls,
    endpoint: (path) => {
      const secret = `whsec_${randomBytes(32).toString('base64')}`
      setSecrets(path, [secret])
      return { url: `${url}${path}`, secret }
    },
    setSecrets,
    onCall: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    respondWith: (next) => {
      respond = next
    },
    halt,
    resume: async () => {
      if (!server.listening) await listen(server, port)
    },
    stop: async () => {
      closing.abort()
      await halt()
    },
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address ? address.port : port
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

async function readCall(
  request: IncomingMessage,
  secrets: ReadonlyMap<string, readonly Webhook[]>,
  { keepBodies = false, anyTime = false }: WebhookSinkOptions,
): Promise<WebhookCall> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const path = request.url ?? '/'
  const text = (name: string) => String(request.headers[name] ?? '')
  const signed = {
    'webhook-id': text('webhook-id'),
    'webhook-timestamp': text('webhook-timestamp'),
    'webhook-signature': text('webhook-signature'),
  }
  return {
    at: Date.now(),
    path,
    id: signed['webhook-id'],
    timestamp: signed['webhook-timestamp'],
    signature: signed['webhook-signature'],
    signatureOk: (secrets.get(path) ?? []).some((webhook) => (anyTime ? signs : verifies)(webhook, body, signed)),
    headers: request.headers,
    bodySha256: createHash('sha256').update(body).digest('hex'),
    ...(keepBodies ? { body } : {}),
  }
}

type Signed = Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>>

/** Whether the library would sign the same at that time. */
function signs(webhook: Webhook, body: Buffer, signed: Signed): boolean {
  const at = new Date(Number(signed['webhook-timestamp']) * 1_000)
  return signed['webhook-signature'].split(' ').includes(webhook.sign(signed['webhook-id'], at, body))
}

function verifies(webhook: Webhook, body: Buffer, headers: Signed): boolean {
  try {
    webhook.verify(body, headers, { jsonParse: false })
    return true
  } catch {
    // The library says no by throwing.
    return false
  }
}
