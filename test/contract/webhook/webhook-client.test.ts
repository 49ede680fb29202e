import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { WebhookClient, WebhookReply } from '../../../src/delivery/webhook/webhook-client.ts'
import { createAddressGuard, type Resolve } from '../../../src/infra/http/address-guard.ts'
import { createWebhookClient } from '../../../src/infra/http/undici-webhook-client.ts'
import { answeringResolver, failingResolver } from '../../unit/infra/http/answering-resolver.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function clientOf(options: { allowCidr?: readonly string[]; resolve?: Resolve } = {}): WebhookClient {
  const { allowCidr = ['127.0.0.0/8'], resolve } = options
  const client = createWebhookClient({ guard: createAddressGuard({ allowCidr, ...(resolve ? { resolve } : {}) }) })
  cleanups.push(() => client.stop())
  return client
}

async function listening(server: Server | TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The server has no port.')
  return address.port
}

async function endpoint(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  const port = await listening(server)
  cleanups.push(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  })
  return `http://127.0.0.1:${port}`
}

/** An endpoint that speaks no HTTP of Node's: what it does with each connection is the test's. */
async function rawEndpoint(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    // A client that cuts the connection is what some of the tests are about.
    socket.on('error', () => {})
    onConnection(socket)
  })
  const port = await listening(server)
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((done) => server.close(done))
  })
  return `http://127.0.0.1:${port}`
}

const never = new AbortController().signal

function post(
  client: WebhookClient,
  url: string,
  options: { deadlineMs?: number; signal?: AbortSignal; body?: string } = {},
): Promise<WebhookReply> {
  const { deadlineMs = 10_000, signal = never, body = '{"a":1}' } = options
  return client.post(
    { url, headers: { 'content-type': 'application/json', 'webhook-id': 'msg_1' }, body: Buffer.from(body), deadlineMs },
    signal,
  )
}

describe('a reply', () => {
  it('is the status; method, path, headers and bytes arrive unchanged', async () => {
    const seen: { method?: string; url?: string; id?: unknown; body: string }[] = []
    const url = await endpoint((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        seen.push({
          method: request.method ?? '',
          url: request.url ?? '',
          id: request.headers['webhook-id'],
          body: Buffer.concat(chunks).toString(),
        })
        response.writeHead(204).end()
      })
    })
    const reply = await post(clientOf(), `${url}/hook?x=1#part`, { body: '{"name":"Zoë"}' })
    expect(reply).toMatchObject({ is: 'reply', status: 204, retryAfter: null })
    expect(seen).toEqual([{ method: 'POST', url: '/hook?x=1', id: 'msg_1', body: '{"name":"Zoë"}' }])
  })

  it.each([410, 429, 500, 503])('of %i is returned with its Retry-After and without its body', async (status) => {
    const url = await endpoint((_request, response) => response.writeHead(status, { 'retry-after': '17' }).end('secret of the tenant'))
    const reply = await post(clientOf(), url)
    expect(reply).toMatchObject({ is: 'reply', status, retryAfter: '17' })
    expect(JSON.stringify(reply)).not.toContain('secret')
  })

  it.each([301, 302, 303, 307, 308])('of %i is not followed', async (status) => {
    let followed = 0
    const target = await endpoint((_request, response) => {
      followed++
      response.end()
    })
    const url = await endpoint((_request, response) => response.writeHead(status, { location: target }).end())
    expect(await post(clientOf(), url)).toMatchObject({ is: 'reply', status })
    expect(followed).toBe(0)
  })

  it('leaves its connection for the next request', async () => {
    const ports = new Set<number | undefined>()
    const url = await endpoint((request, response) => {
      ports.add(request.socket.remotePort)
      response.end('thanks')
    })
    const client = clientOf()
    for (let i = 0; i < 10; i++) expect(await post(client, url)).toMatchObject({ status: 200 })
    // A request may be dispatched in the very moment in which the one before is being tidied up, and then opens a second.
    expect(ports.size).toBeLessThanOrEqual(2)
  })
})

/** Longer than a test may take: what is waited for until then makes it red. */
const LATE_MS = 3_600_000

describe('a body', () => {
  it('without end is cut off, and the status is returned', async () => {
    let sent = 0
    const url = await endpoint((_request, response) => {
      response.writeHead(200)
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384))) sent += 16_384
      }
      response.on('drain', pour)
      pour()
    })
    expect(await post(clientOf(), url, { deadlineMs: LATE_MS })).toMatchObject({ is: 'reply', status: 200 })
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it('that drips is not waited for, because the status is known', async () => {
    const url = await endpoint((_request, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write('.'), 50)
      response.on('close', () => clearInterval(drip))
    })
    expect(await post(clientOf(), url, { deadlineMs: LATE_MS })).toMatchObject({ is: 'reply', status: 200 })
  })
})

describe('the deadline', () => {
  it('ends a request without a reply', async () => {
    const url = await endpoint(() => {})
    expect(await post(clientOf(), url, { deadlineMs: 300 })).toMatchObject({ is: 'failed', failure: 'timeout' })
  })

  it('ends a reply whose headers drip endlessly', async () => {
    const url = await rawEndpoint((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      let line = 0
      const drip = setInterval(() => socket.write(`x-${line++}: y\r\n`), 20)
      socket.on('close', () => clearInterval(drip))
    })
    expect(await post(clientOf(), url, { deadlineMs: 400 })).toMatchObject({ is: 'failed', failure: 'timeout' })
  })

  it('is distinguished from an abort by the caller', async () => {
    const stop = new AbortController()
    const url = await endpoint(() => stop.abort())
    expect(await post(clientOf(), url, { signal: stop.signal })).toMatchObject({ is: 'failed', failure: 'stopped' })
    expect(await post(clientOf(), url, { signal: stop.signal })).toMatchObject({ is: 'failed', failure: 'stopped' })
  })
})

describe('a connection', () => {
  it('that is refused', async () => {
    const server = createTcpServer()
    const port = await listening(server)
    await new Promise((done) => server.close(done))
    expect(await post(clientOf(), `http://127.0.0.1:${port}/`)).toMatchObject({ is: 'failed', failure: 'connection-refused' })
  })

  it.each([
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ['ended', (socket: Socket) => socket.end()],
  ])('that is %s before a reply is reported as lost', async (_how, cut) => {
    const url = await rawEndpoint((socket) => socket.once('data', () => cut(socket)))
    expect(await post(clientOf(), url)).toMatchObject({ is: 'failed', failure: 'connection-lost' })
  })

  it('that speaks another protocol is reported as unreadable', async () => {
    const url = await rawEndpoint((socket) => socket.write('220 mail.example.com ESMTP\r\n'))
    expect(await post(clientOf(), url)).toMatchObject({ is: 'failed', failure: 'unreadable-reply' })
  })

  it('that speaks no TLS is reported as such', async () => {
    const url = await rawEndpoint((socket) => socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n')))
    expect(await post(clientOf(), url.replace('http:', 'https:'))).toMatchObject({ is: 'failed', failure: 'tls-failed' })
  })

  it('of an endpoint that hangs does not delay another endpoint', async () => {
    const hanging = await endpoint(() => {})
    const healthy = await endpoint((_request, response) => response.end())
    const client = clientOf()
    const stop = new AbortController()
    const stuck = Array.from({ length: 30 }, () => post(client, hanging, { signal: stop.signal, deadlineMs: LATE_MS }))
    expect(await post(client, healthy, { deadlineMs: LATE_MS })).toMatchObject({ status: 200 })
    stop.abort()
    expect(new Set((await Promise.all(stuck)).map((reply) => (reply.is === 'failed' ? reply.failure : reply.status)))).toEqual(
      new Set(['stopped']),
    )
  })
})

describe('the guard', () => {
  it.each(['127.0.0.1', '2130706433', '0x7f.1', '0177.0.0.1', '127.1', '[::ffff:127.0.0.1]', '[::1]', '0'])(
    'refuses the address %s before anything is sent',
    async (host) => {
      let connections = 0
      const { port } = new URL(await rawEndpoint(() => connections++))
      const client = clientOf({ allowCidr: [] })
      for (const scheme of ['http', 'https']) {
        expect(await post(client, `${scheme}://${host}:${port}/`)).toMatchObject({ is: 'failed', failure: 'address-refused' })
      }
      expect(connections).toBe(0)
    },
  )

  it('refuses names that resolve to a private address, alone or among others', async () => {
    let connections = 0
    const { port } = new URL(await rawEndpoint(() => connections++))
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['127.0.0.1', '8.8.8.8']]) {
      const client = clientOf({ allowCidr: [], resolve: answeringResolver(addresses) })
      expect(await post(client, `http://hook.example.com:${port}/`)).toMatchObject({ is: 'failed', failure: 'address-refused' })
      expect(await post(client, `https://hook.example.com:${port}/`)).toMatchObject({ is: 'failed', failure: 'address-refused' })
    }
    expect(connections).toBe(0)
  })

  it('checks every connect: a name whose address has become private is refused', async () => {
    const url = await endpoint((_request, response) => response.writeHead(200, { connection: 'close' }).end())
    const { port } = new URL(url)
    const client = clientOf({ resolve: answeringResolver(['127.0.0.1'], ['10.0.0.1']) })
    expect(await post(client, `http://hook.example.com:${port}/`)).toMatchObject({ is: 'reply', status: 200 })
    expect(await post(client, `http://hook.example.com:${port}/`)).toMatchObject({ is: 'failed', failure: 'address-refused' })
  })

  it('distinguishes a name without address from a URL that is not permitted', async () => {
    expect(await post(clientOf({ resolve: failingResolver('ENOTFOUND') }), 'http://hook.example.com/')).toMatchObject({
      is: 'failed',
      failure: 'unresolved',
    })
    expect(await post(clientOf(), 'ftp://hook.example.com/')).toMatchObject({ is: 'failed', failure: 'url-refused' })
    expect(await post(clientOf(), 'http://user:pw@hook.example.com/')).toMatchObject({ is: 'failed', failure: 'url-refused' })
  })
})
