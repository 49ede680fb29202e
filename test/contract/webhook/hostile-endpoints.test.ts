import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WebhookClient, WebhookReply } from '../../../src/delivery/webhook/webhook-client.ts'
import { createAddressGuard, type Resolve } from '../../../src/infra/http/address-guard.ts'
import { createWebhookClient } from '../../../src/infra/http/undici-webhook-client.ts'
import { answeringResolver } from '../../unit/infra/http/answering-resolver.ts'
import { hostileUrls } from '../../unit/infra/http/hostile-urls.ts'

/** Sockets of this process that Node began to connect, as it reports them. */
const sockets = channel('net.client.socket')
let begun = 0
const onSocket = (): void => void begun++
const cleanups: (() => Promise<void> | void)[] = []

beforeEach(() => {
  begun = 0
  sockets.subscribe(onSocket)
})

afterEach(async () => {
  sockets.unsubscribe(onSocket)
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** A resolver that counts its lookups. */
function counted(resolve: Resolve): { readonly resolve: Resolve; lookups(): number } {
  let calls = 0
  return {
    resolve: (hostname, options, callback) => {
      calls++
      resolve(hostname, options, callback)
    },
    lookups: () => calls,
  }
}

function clientOf(allowCidr: readonly string[], resolve?: Resolve): WebhookClient {
  const client = createWebhookClient({ guard: createAddressGuard({ allowCidr, ...(resolve ? { resolve } : {}) }) })
  cleanups.push(() => client.stop())
  return client
}

/** Listens on all of 127.0.0.0/8 of one port and says at which of its addresses each request came in. */
async function endpoints(addresses: readonly string[], answer: RequestListener = (_request, response) => response.end()) {
  const reached: (string | undefined)[] = []
  let port = 0
  for (const address of addresses) {
    const server: Server = createServer((request, response) => {
      reached.push(request.socket.localAddress)
      answer(request, response)
    })
    server.listen(port, address)
    await once(server, 'listening')
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('The server has no port.')
    port = bound.port
    cleanups.push(async () => {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    })
  }
  return { port, reached }
}

function post(client: WebhookClient, url: string): Promise<WebhookReply> {
  const request = { url, headers: { 'content-type': 'application/json' }, body: Buffer.from('{}'), deadlineMs: 10_000 }
  return client.post(request, new AbortController().signal)
}

const outcome = async (client: WebhookClient, url: string): Promise<string | number> => {
  const reply = await post(client, url)
  return reply.is === 'failed' ? reply.failure : reply.status
}

const refused = 'address-refused'
const name = (port: number): string => `http://hook.example.com:${port}/`
const hangUp: RequestListener = (_request, response) => response.writeHead(200, { connection: 'close' }).end()

describe('a hostile URL connects to no private address', () => {
  it.each(hostileUrls)('%j', async (url, leads) => {
    // Every name is one of this machine.
    const names = counted(answeringResolver(['127.0.0.1']))
    expect(await outcome(clientOf([], names.resolve), url)).toBe(leads === 'nowhere' ? 'url-refused' : refused)
    // Only a name gets as far as a socket, which connects to nothing before the look-up allows it.
    const sockets = leads !== 'nowhere' && 'name' in leads ? 1 : 0
    expect({ begun, lookups: names.lookups() }).toEqual({ begun: sockets, lookups: sockets })
  })

  it('nor do the names of this machine', async () => {
    const { port, reached } = await endpoints(['127.0.0.1'])
    for (const host of ['localhost', 'LOCALHOST', 'loc%61lhost', 'ｌｏｃａｌｈｏｓｔ']) {
      expect(await outcome(clientOf([]), `http://${host}:${port}/`)).toBe(refused)
      expect(await outcome(clientOf([]), `https://${host}:${port}/`)).toBe(refused)
    }
    expect(reached).toEqual([])
  })
})

describe('a name whose address changes', () => {
  it('is connected to at the checked address, not at the one that it resolves to later', async () => {
    const { port, reached } = await endpoints(['127.0.0.1', '127.0.0.2'])
    // An answer with a TTL of 0: a second lookup for the same connection would get the second address.
    const names = counted(answeringResolver(['127.0.0.2'], ['127.0.0.1']))
    expect(await outcome(clientOf(['127.0.0.2/32'], names.resolve), name(port))).toBe(200)
    expect({ reached, lookups: names.lookups() }).toEqual({ reached: ['127.0.0.2'], lookups: 1 })
  })

  it('is checked again at each connect, so that a retry is refused', async () => {
    const { port, reached } = await endpoints(['127.0.0.1', '127.0.0.2'], hangUp)
    const names = counted(answeringResolver(['127.0.0.2'], ['127.0.0.1'], ['127.0.0.2'], ['127.0.0.2', '127.0.0.1']))
    const client = clientOf(['127.0.0.2/32'], names.resolve)
    const ends = []
    for (let attempt = 0; attempt < 4; attempt++) ends.push(await outcome(client, name(port)))
    expect(ends).toEqual([200, refused, 200, refused])
    expect({ reached, lookups: names.lookups() }).toEqual({ reached: ['127.0.0.2', '127.0.0.2'], lookups: 4 })
  })

  it('keeps its connection to the checked address while that is open', async () => {
    const { port, reached } = await endpoints(['127.0.0.1', '127.0.0.2'])
    const names = counted(answeringResolver(['127.0.0.2'], ['127.0.0.1']))
    const client = clientOf(['127.0.0.2/32'], names.resolve)
    const ends = []
    for (let request = 0; request < 10; request++) ends.push(await outcome(client, name(port)))
    // A second connection may be wanted while the first is being tidied up; it is judged, and refused.
    expect(ends.filter((end) => end !== 200 && end !== refused)).toEqual([])
    expect(new Set(reached)).toEqual(new Set(['127.0.0.2']))
    expect(begun).toBe(names.lookups())
  })

  it('is tried at its checked addresses, without another lookup when the first is dead', async () => {
    const { port, reached } = await endpoints(['127.0.0.1', '127.0.0.3'])
    const names = counted(answeringResolver(['127.0.0.2', '127.0.0.3'], ['127.0.0.1']))
    expect(await outcome(clientOf(['127.0.0.2/31'], names.resolve), name(port))).toBe(200)
    expect({ reached, lookups: names.lookups() }).toEqual({ reached: ['127.0.0.3'], lookups: 1 })
  })

  it.each([
    ['a private one last', ['127.0.0.2', '10.0.0.1']],
    ['a private one first', ['169.254.169.254', '127.0.0.2']],
    ['a mapped private one', ['127.0.0.2', '::ffff:127.0.0.1']],
    ['a compatible one', ['127.0.0.2', '::127.0.0.2']],
    ['one behind NAT64', ['127.0.0.2', '64:ff9b::7f00:1']],
    ['one of the link', ['127.0.0.2', 'fe80::1%lo']],
    ['something that is no address', ['127.0.0.2', 'localhost']],
  ])('is refused with one private address among public ones: %s', async (_which, addresses) => {
    const { port, reached } = await endpoints(['127.0.0.1', '127.0.0.2'])
    const client = clientOf(['127.0.0.2/32'], answeringResolver(addresses))
    expect(await outcome(client, name(port))).toBe(refused)
    expect(await outcome(client, name(port).replace('http:', 'https:'))).toBe(refused)
    expect(reached).toEqual([])
  })
})

describe('an allowed network', () => {
  it('permits its own addresses, in any notation, and no others', async () => {
    const { port, reached } = await endpoints(['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'])
    const client = clientOf(['127.0.0.2/31'])
    for (const host of ['127.0.0.2', '2130706434', '0x7f.3', '[::ffff:127.0.0.2]']) {
      expect(await outcome(client, `http://${host}:${port}/`)).toBe(200)
    }
    for (const host of ['127.0.0.1', '127.0.0.4', '[::1]', '[::127.0.0.2]', '[64:ff9b::127.0.0.2]', '[2002:7f00:2::]']) {
      expect(await outcome(client, `http://${host}:${port}/`)).toBe(refused)
    }
    expect(reached).toHaveLength(4)
  })

  it.each([301, 302, 303, 307, 308])('is not extended by a redirect (%i), which is not followed', async (status) => {
    const { port, reached } = await endpoints(['127.0.0.1', '127.0.0.2'], (request, response) => {
      const { searchParams } = new URL(request.url ?? '/', 'http://example.com')
      response.writeHead(status, { location: searchParams.get('to') ?? '', refresh: '0; url=http://127.0.0.1/' }).end()
    })
    const client = clientOf(['127.0.0.2/32'])
    for (const to of [`http://127.0.0.1:${port}/`, `//127.0.0.1:${port}/`, `http://127.0.0.2:${port}/elsewhere`, '/elsewhere']) {
      expect(await outcome(client, `http://127.0.0.2:${port}/?to=${encodeURIComponent(to)}`)).toBe(status)
    }
    expect(reached).toEqual(Array(4).fill('127.0.0.2'))
  })
})
