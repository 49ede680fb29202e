import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startTcpProxy, type TcpProxy } from '../../support/faults/tcp-proxy.ts'
import { eventually } from '../../support/eventually.ts'

test('bytes pass unchanged in both directions, the end of one direction leaves the other open, and a slow reader slows the writer down', async () => {
  const server = await serve((socket) => {
    socket.pipe(socket)
  })
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  const client = await dial(proxy)
  const sent = Buffer.alloc(32 * 1024 * 1024, 'x')
  client.socket.pause()
  client.socket.end(sent)
  // The server answers as it reads, so it reads no further once its answers are no longer taken.
  const read = await rest(() => server.sockets[0]?.bytesRead ?? 0)
  expect(read).toBeLessThan(sent.length / 2)
  client.socket.resume()
  await once(client.socket, 'end')
  expect(client.received()).toHaveLength(sent.length)
  await eventually('the connection is gone', () => proxy.counters.open === 0 || 'still open')
})

test('refuse: open connections are reset and new ones refused; pass listens on the same port again, repeatedly', async () => {
  const server = await serve(echo)
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  const client = await dial(proxy)
  await client.say('hello')
  const { port } = proxy
  await proxy.refuse()
  expect(await client.ended).toBe('ECONNRESET')
  expect(await (await dial(proxy)).ended).toBe('ECONNREFUSED')
  await proxy.pass()
  expect(proxy.port).toBe(port)
  await (await dial(proxy)).say('again')
  await proxy.refuse()
  await proxy.refuse()
  await proxy.pass()
  await (await dial(proxy)).say('once more')
})

test('black hole: connections stay open and new ones are accepted, but nothing is forwarded, not even an end; after pass everything arrives', async () => {
  const server = await serve(echo)
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  const [old, ending] = [await dial(proxy), await dial(proxy)]
  await old.say('before')
  await ending.say('before')
  await proxy.blackHole()
  const fresh = await dial(proxy)
  old.socket.write('held')
  fresh.socket.write('held too')
  ending.socket.end()
  // A connection that does pass proves that there was time enough.
  await using beside = await startTcpProxy({ target: { port: server.port } })
  await (await dial(beside)).say('beside')
  expect([old, fresh, ending].map((client) => client.received())).toEqual(['before', '', 'before'])
  expect(server.sockets).toHaveLength(3)
  await proxy.pass()
  await old.has('beforeheld')
  await fresh.has('held too')
  expect(await ending.ended).toBe('end')
})

test('turn away: every connection is reset and counted, by second', async () => {
  const server = await serve(echo)
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  const client = await dial(proxy)
  await client.say('hello')
  await proxy.turnAway()
  expect(await client.ended).toBe('ECONNRESET')
  for (let time = 1; time <= 3; time++) await expect((await dial(proxy)).ended).resolves.toBe('ECONNRESET')
  expect(proxy.counters).toMatchObject({ accepted: 4, open: 0 })
  const perSecond = proxy.connectsPerSecond()
  expect([...perSecond.values()].reduce((sum, count) => sum + count, 0)).toBe(4)
  expect(Math.max(...perSecond.keys())).toBeLessThanOrEqual(Date.now() / 1_000)
})

test('latency: replies arrive after at least twice the latency, and in order', async () => {
  const server = await serve(echo)
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  const client = await dial(proxy)
  await client.say('a')
  proxy.latency(60)
  const from = performance.now()
  client.socket.write('b')
  await client.say('c', 'abc')
  expect(performance.now() - from).toBeGreaterThanOrEqual(119)
  proxy.latency(0)
  await client.say('d', 'abcd')
})

test('cut after n bytes: exactly that many arrive and both ends are reset, for the next connection or for each', async () => {
  const server = await serve(echo)
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  proxy.cutAfter(5, 'to-server', 'next')
  const next = await dial(proxy)
  next.socket.write('1234567')
  expect(await next.ended).toBe('ECONNRESET')
  await eventually('the server has its five', () => server.heard() === '12345' || server.heard())
  await eventually('the server saw a reset', () => server.ends[0] === 'ECONNRESET' || String(server.ends[0]))

  const open = await dial(proxy)
  await open.say('not counted')
  proxy.cutAfter(3, 'to-client', 'each')
  open.socket.write('abcdef')
  expect(await open.ended).toBe('ECONNRESET')
  expect(open.received()).toBe('not countedabc')
  const another = await dial(proxy)
  another.socket.write('abcdef')
  expect(await another.ended).toBe('ECONNRESET')
  expect(another.received()).toBe('abc')
  await proxy.pass()
  await (await dial(proxy)).say('healed')
})

test('reset and flip: all connections end with a reset; after a flip another server answers on the same port', async () => {
  const [one, two] = [await serve(echo), await serve((socket) => void socket.end('two'))]
  await using proxy = await startTcpProxy({ target: { port: one.port } })
  const clients = [await dial(proxy), await dial(proxy)]
  await Promise.all(clients.map((client) => client.say('x')))
  proxy.reset()
  expect(await Promise.all(clients.map((client) => client.ended))).toEqual(['ECONNRESET', 'ECONNRESET'])
  const last = await dial(proxy)
  await last.say('y')
  proxy.flipTarget(two.port)
  expect(await last.ended).toBe('ECONNRESET')
  await (await dial(proxy)).has('two')
})

test('a missing or resetting server is a reset for the client', async () => {
  const server = await serve((socket) => void socket.once('data', () => socket.resetAndDestroy()))
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  const client = await dial(proxy)
  client.socket.write('x')
  expect(await client.ended).toBe('ECONNRESET')
  await server.close()
  expect(await (await dial(proxy)).ended).toBe('ECONNRESET')
})

test('an observer of client bytes can cut before or after them, hold them, or forward them and hold the reply', async () => {
  const server = await serve(echo)
  await using proxy = await startTcpProxy({ target: { port: server.port } })
  const held: (() => void)[] = []
  const off = proxy.onClientBytes((bytes, connection) => {
    const said = String(bytes)
    if (said === 'hold' || said === 'mute') held.push(() => connection.release())
    return said === 'cut' || said === 'cut-before' || said === 'hold' || said === 'mute' ? said : undefined
  })
  for (const word of ['cut', 'cut-before'] as const) {
    const client = await dial(proxy)
    await client.say('a')
    client.socket.write(word)
    expect(await client.ended).toBe('ECONNRESET')
    expect(client.received()).toBe('a')
  }
  await eventually('both are over', () => server.ends.length === 2 || String(server.ends))
  expect(server.heard()).toBe('acuta')
  expect(server.ends.toSorted()).toEqual(['ECONNRESET', 'end'])
  for (const word of ['hold', 'mute'] as const) {
    const client = await dial(proxy)
    await client.say('a')
    const before = server.heard()
    client.socket.write(word)
    await eventually('it was seen', () => held.length === 1 || 'not yet')
    client.socket.write(' and more')
    const heard = before + (word === 'mute' ? 'mute and more' : '')
    await eventually('the server received what the proxy lets through', () => server.heard() === heard || server.heard())
    expect(client.received()).toBe('a')
    held.pop()?.()
    await client.has(`a${word} and more`)
  }
  off()
  await (await dial(proxy)).say('hold')
})

function echo(socket: Socket): void {
  socket.on('data', (bytes) => socket.write(bytes))
  socket.on('end', () => socket.end())
}

/** A server on a port of its own that ends with the test. `ends`: how its connections ended, in that order. */
async function serve(talk: (socket: Socket) => void) {
  const sockets: Socket[] = []
  const ends: string[] = []
  let heard = ''
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    if (talk === echo) socket.on('data', (bytes) => (heard += String(bytes)))
    let end = 'end'
    socket.on('error', (error: NodeJS.ErrnoException) => (end = error.code ?? ''))
    socket.on('close', () => ends.push(end))
    talk(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(close)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, sockets, ends, heard: () => heard, close }
}

/** A client of the proxy that collects what it receives. `ended`: `end`, or the code of the error. */
async function dial(proxy: TcpProxy) {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
  const pieces: Buffer[] = []
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  socket.on('data', (bytes) => pieces.push(bytes))
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  socket.on('end', () => resolve('end'))
  onTestFinished(() => void socket.destroy())
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), ended])
  const received = () => Buffer.concat(pieces).toString()
  const has = (text: string) => eventually(`the client has ${text}`, () => received() === text || received())
  return {
    socket,
    ended,
    received,
    has,
    say: (text: string, answer = text) => {
      socket.write(text)
      return has(answer)
    },
  }
}

/** What a figure above 0 rests at: the same ten times in a row. */
async function rest(read: () => number): Promise<number> {
  let last = 0
  let same = 0
  await eventually('it stands still', () => {
    const now = read()
    same = now === last && now > 0 ? same + 1 : 0
    last = now
    return same === 10 || `${now}`
  })
  return last
}
