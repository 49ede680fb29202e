import { Socket } from 'node:net'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  cleanUp,
  envelope,
  mail,
  never,
  relayTo,
  scripted,
  scriptedServer,
  sendOne,
  sink,
  unavailable,
  until,
} from './smtp-relay-fixture.ts'

afterEach(cleanUp)

describe('the pool', () => {
  it('sends many mails over one connection, with RSET after those alone that were not accepted', async () => {
    let mails = 0
    const refusesTheSecond = (socket: Socket) => socket.write((mails += 1) === 2 ? '451 4.3.0 later\r\n' : '250 Ok\r\n')
    const { relay, server } = await scripted({ extensions: ['PIPELINING'], replies: { DOT: refusesTheSecond } })
    for (const is of ['accepted', 'refused', 'accepted', 'accepted']) expect(await sendOne(relay)).toMatchObject({ is })
    expect(server.connections()).toBe(1)
    const verbs = server.commands.map((line) => line.split(' ')[0])
    const mail = ['MAIL', 'RCPT', 'DATA']
    expect(verbs).toEqual(['EHLO', ...mail, ...mail, 'RSET', ...mail, ...mail])
  })

  it('a mail takes two writes: its envelope with DATA, and its body with the final dot', async () => {
    const { relay, server } = await scripted({ extensions: ['PIPELINING'] })
    await relay.verify(never)
    const spies = [vi.spyOn(Socket.prototype, '_write'), vi.spyOn(Socket.prototype, '_writev')]
    onTestFinished(() => spies.forEach((spy) => spy.mockRestore()))
    for (let i = 0; i < 3; i++) expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    const written = spies
      .flatMap(({ mock }) => mock.contexts)
      .filter((socket) => socket instanceof Socket && socket.remotePort === server.port)
    expect(written).toHaveLength(6)
  })

  const goodbyes: readonly [string, (socket: Socket) => unknown][] = [
    ['without a word', (socket) => socket.destroy()],
    ['with 421', (socket) => socket.end('421 4.7.0 enough over this connection\r\n')],
  ]
  for (const extensions of [[], ['PIPELINING']]) {
    it.each(goodbyes)(
      `a mail whose connection the relay ends %s before it judges the mail goes over another (${extensions.join() || 'one by one'})`,
      async (_how, end) => {
        const used = new WeakSet<Socket>()
        const oneMail = (socket: Socket) => {
          if (used.has(socket)) end(socket)
          else socket.write('250 Ok\r\n')
          used.add(socket)
        }
        const { relay, server } = await scripted({ extensions, replies: { MAIL: oneMail } })
        for (let i = 0; i < 3; i++) expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
        expect(server.messages).toHaveLength(3)
        expect(server.connections()).toBe(3)
        expect(relay.stats().failures).toBe(0)
        expect(relay.away()).toBeNull()
      },
    )
  }

  it.each([0, 1])('a mail whose connection has ended while it waited to be sent goes over another, after %i mails', async (before) => {
    const sockets: Socket[] = []
    const { relay } = await scripted({
      greeting: (socket) => {
        sockets.push(socket)
        socket.write('220 relay.example.com ESMTP\r\n')
      },
    })
    for (let mails = 0; mails < before; mails++) await sendOne(relay)
    const session = await relay.acquire(never)
    sockets[0]?.destroy()
    await until(() => relay.stats().inUse === 0)
    expect(await session.send(envelope, mail, never)).toMatchObject({ is: 'accepted' })
    session.release()
    expect([sockets.length, relay.stats().failures]).toEqual([2, 0])
  })

  it('a mail whose connection the relay ends fails when there is no other', async () => {
    let greetings = 0
    let mails = 0
    const { relay } = await scripted({
      greeting: (socket) => ((greetings += 1) > 1 ? socket.end('554 5.7.1 not you\r\n') : socket.write('220 relay.example.com ESMTP\r\n')),
      replies: { MAIL: (socket) => ((mails += 1) > 1 ? socket.destroy() : socket.write('250 Ok\r\n')) },
    })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(await sendOne(relay)).toEqual({ is: 'not-sent', reason: 'connection-lost' })
    expect(relay.stats()).toMatchObject({ inUse: 0, idle: 0, waiting: 0 })
    // Not reset by what the first connection has shown before.
    expect(relay.away()).toMatchObject({ reason: 'relay-refuses-us' })
  })

  it('a mail whose time is up when the other connection opens fails, and leaves that connection to the next mail', async () => {
    let now = 0
    let greetings = 0
    let mails = 0
    const server = await scriptedServer({
      greeting: (socket) => {
        greetings += 1
        if (greetings === 2) now += 5_000
        socket.write('220 relay.example.com ESMTP\r\n')
      },
      replies: { MAIL: (socket) => ((mails += 1) === 2 ? socket.destroy() : socket.write('250 Ok\r\n')) },
    })
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { now: () => now, sendDeadlineMs: 5_000 })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    const session = await relay.acquire(never)
    expect(await session.send(envelope, mail, never)).toEqual({ is: 'not-sent', reason: 'connection-lost' })
    session.release()
    expect(relay.stats()).toMatchObject({ inUse: 0, idle: 1, failures: 0 })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(server.connections()).toBe(2)
  })

  it('keeps a connection usable after a rejected recipient, who gets nothing of the next mail', async () => {
    const smtp = await sink({
      respond: (stage, { address }) => (stage === 'rcpt' && address === 'gone@example.org' ? { code: 550 } : undefined),
    })
    const relay = relayTo(smtp.url)
    expect(await sendOne(relay, mail, 'gone@example.org')).toMatchObject({ is: 'refused', means: 'unclear' })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(smtp.counters.connections).toBe(1)
    expect(smtp.mails.map((taken) => taken.recipients)).toEqual([['ann@example.org']])
  })

  it.each([
    'ann@example.org,eve@example.com',
    'ann@example.org>\r\nRCPT TO:<eve@example.com',
    'ann@example.org\nRCPT TO:<eve@example.com>',
  ])('sends nothing to a second recipient hidden in an address: %j', async (to) => {
    const { relay, server } = await scripted({ extensions: ['PIPELINING'] })
    await sendOne(relay, mail, to)
    const recipients = server.commands.filter((line) => line.startsWith('RCPT'))
    expect(recipients.length).toBeLessThanOrEqual(1)
    expect(recipients).not.toContain('RCPT TO:<eve@example.com>')
  })

  it('never opens more connections than allowed, and serves all waiting callers', async () => {
    const smtp = await sink()
    const relay = relayTo(smtp.url, { maxConnections: 3 })
    const results = await Promise.all(Array.from({ length: 60 }, async () => sendOne(relay)))
    expect(results.every((result) => result.is === 'accepted')).toBe(true)
    expect(smtp.counters).toMatchObject({ connections: 3, mails: 60 })
  })

  it('replaces a connection after its maximum number of mails', async () => {
    const smtp = await sink()
    const relay = relayTo(smtp.url, { maxMailsPerConnection: 2 })
    for (let i = 0; i < 5; i++) await sendOne(relay)
    expect(smtp.counters.connections).toBe(3)
  })

  it('ends idle connections with QUIT', async () => {
    const server = await scriptedServer()
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { idleMs: 50 })
    await sendOne(relay)
    await until(() => server.open() === 0)
    expect(server.commands.at(-1)).toBe('QUIT')
    expect(relay.stats()).toMatchObject({ idle: 0, inUse: 0 })
  })

  it('does not reuse a connection that the relay closed while it was idle', async () => {
    const { relay, server } = await scripted({ replies: { RSET: (socket) => socket.destroy(), DOT: '451 4.3.0 later' } })
    await sendOne(relay)
    await until(() => server.open() === 0)
    expect(await sendOne(relay)).toMatchObject({ is: 'refused' })
    expect(server.connections()).toBe(2)
    expect(relay.stats().failures).toBe(0)
  })

  it('checks an old connection before it is reused', async () => {
    let now = 0
    const server = await scriptedServer()
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { now: () => now })
    await relay.verify(never)
    now += 5_000
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(server.commands.map((line) => line.split(' ')[0]).slice(0, 3)).toEqual(['EHLO', 'RSET', 'MAIL'])
  })

  it('loses no connection when a waiting caller gives up', async () => {
    const smtp = await sink()
    const relay = relayTo(smtp.url, { maxConnections: 1 })
    const held = await relay.acquire(never)
    const abort = new AbortController()
    const waiting = unavailable(relay.acquire(abort.signal))
    abort.abort()
    expect(await waiting).toMatchObject({ reason: 'aborted' })
    held.release()
    held.release()
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
  })

  it('destroys a session that is released in the middle of a mail', async () => {
    const { relay, server } = await scripted({ replies: { DOT: () => undefined } })
    const session = await relay.acquire(never)
    const sending = session.send(envelope, mail, never)
    await until(() => server.messages.length === 1)
    session.release()
    expect(await sending).toMatchObject({ is: 'ambiguous' })
    expect(relay.stats()).toMatchObject({ idle: 0, inUse: 0 })
  })

  it('closes idle and used connections and ends waiting callers, and leaves nothing running', async () => {
    const { relay, server } = await scripted({ replies: { DOT: () => undefined } })
    const idle = await relay.acquire(never)
    const sending = sendOne(relay)
    await until(() => server.messages.length === 1)
    idle.release()
    const other = relayTo(`smtp://127.0.0.1:${server.port}`, { maxConnections: 1 })
    await other.acquire(never)
    const waiting = unavailable(other.acquire(never))
    await Promise.all([relay.close(), relay.close(), other.close()])
    expect(server.commands.at(-1)).toBe('QUIT')
    expect(await sending).toMatchObject({ is: 'ambiguous' })
    expect(await waiting).toMatchObject({ reason: 'relay-closed' })
    expect(await unavailable(relay.acquire(never))).toMatchObject({ reason: 'relay-closed' })
    expect(relay.stats()).toMatchObject({ connecting: 0, inUse: 0, idle: 0, waiting: 0 })
    await until(() => server.open() === 0)
    expect(process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap')).toEqual([])
  })
})
