import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { cleanUp, envelope, mail, never, relayTo, scripted, scriptedServer, sendOne, until } from './smtp-relay-fixture.ts'

afterEach(cleanUp)

const relays: [string, readonly string[]][] = [
  ['without', []],
  ['with', ['PIPELINING']],
]

it.each(relays)(
  'the relay gets the envelope of a mail that is begun, and its body when it is sent, %s PIPELINING',
  async (_, extensions) => {
    let bytes = 0
    const { server, relay } = await scripted({ extensions, body: (_socket, received) => (bytes += received) })
    const session = await relay.acquire(never)
    session.begin(envelope, mail)
    await until(() => server.commands.includes('DATA'))
    await pause(50)
    expect([bytes, server.messages]).toEqual([0, []])
    expect(session.stage()).toBeNull()
    expect(await session.send(envelope, mail, never)).toMatchObject({ is: 'accepted' })
    session.release()
    expect(server.messages).toHaveLength(1)
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(server.connections()).toBe(1)
  },
)

it.each(relays)(
  'a mail that is begun and released is dropped with its connection, which is held against nobody, %s PIPELINING',
  async (_, extensions) => {
    const { server, relay } = await scripted({ extensions })
    for (const comesFar of [false, true]) {
      const before = server.connections()
      const session = await relay.acquire(never)
      session.begin(envelope, mail)
      if (comesFar) await until(() => server.commands.filter((line) => line === 'DATA').length > 0)
      session.release()
      expect(relay.stats()).toMatchObject({ inUse: 0, idle: 0, failures: 0 })
      await until(() => server.open() === 0)
      expect(server.connections()).toBe(before + 1)
    }
    expect(server.messages).toEqual([])
    expect(relay.away()).toBeNull()
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(server.messages).toHaveLength(1)
  },
)

it('a mail waits longer than its deadline between its envelope and its body, and has the whole deadline from there', async () => {
  const { server, relay } = await deadlineOf(3_000, { DOT: (socket) => void setTimeout(() => socket.write('250 Ok\r\n'), 500) })
  const session = await relay.acquire(never)
  session.begin(envelope, mail)
  await pause(3_200)
  expect(await session.send(envelope, mail, never)).toMatchObject({ is: 'accepted' })
  expect(server.messages).toHaveLength(1)
})

it('a relay that does not answer to the envelope has the whole deadline from the moment when the mail is sent', async () => {
  const { relay } = await deadlineOf(4_000, { MAIL: (socket) => void setTimeout(() => socket.write('250 Ok\r\n'), 4_300) })
  const session = await relay.acquire(never)
  session.begin(envelope, mail)
  await pause(3_500)
  expect(await session.send(envelope, mail, never)).toMatchObject({ is: 'accepted' })
})

it('a mail whose envelope is refused before it is sent is refused when it is', async () => {
  const { server, relay } = await scripted({ replies: { RCPT: '550 5.1.1 no such user' } })
  const session = await relay.acquire(never)
  session.begin(envelope, mail)
  await until(() => server.commands.some((line) => line.startsWith('RCPT')))
  await pause(20)
  expect(await session.send(envelope, mail, never)).toMatchObject({ is: 'refused', code: 550, stage: 'RCPT TO' })
  session.release()
  expect(relay.stats()).toMatchObject({ inUse: 0, idle: 1, failures: 0 })
})

it('the connection of a mail whose envelope was refused is kept when it is released', async () => {
  let recipients = 0
  const { server, relay } = await scripted({
    replies: { RCPT: (socket) => void socket.write((recipients += 1) === 1 ? '550 5.1.1 no such user\r\n' : '250 Ok\r\n') },
  })
  const session = await relay.acquire(never)
  session.begin(envelope, mail)
  await until(() => recipients === 1)
  await pause(200)
  session.release()
  expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
  expect(server.connections()).toBe(1)
})

describe.each([
  ['is held for too long', undefined],
  ['is not awaited any longer: 421', '421 4.4.2 timeout'],
  ['is not awaited any longer: 451', '451 4.4.2 timeout'],
  ['is not awaited any longer: the connection is closed', null],
] as const)('a body that %s', (_, farewell) => {
  async function beginAndWait(isFirst: boolean) {
    let mails = 0
    const held = isFirst ? 1 : 2
    const server = await scriptedServer({
      replies: {
        MAIL: (socket) => {
          mails += 1
          socket.write('250 Ok\r\n')
          const end = () => (farewell === null ? socket.end() : socket.end(`${farewell}\r\n`))
          if (mails === held && farewell !== undefined) setTimeout(end, 300)
        },
      },
    })
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { heldMs: farewell === undefined ? 500 : 30_000, sendDeadlineMs: 30_000 })
    if (!isFirst) await sendOne(relay)
    const session = await relay.acquire(never)
    session.begin(envelope, mail)
    await until(() => server.open() === 0 && relay.stats().inUse === 0)
    expect(relay.stats()).toMatchObject({ failures: 0, waiting: 0, connecting: 0 })
    return { server, relay, session, messages: isFirst ? 0 : 1 }
  }

  it.each([true, false])('goes over another connection, and nobody is to blame (first mail of the connection: %s)', async (isFirst) => {
    const { server, relay, session, messages } = await beginAndWait(isFirst)
    expect(await session.send(envelope, mail, never)).toMatchObject({ is: 'accepted' })
    session.release()
    expect(server.messages).toHaveLength(messages + 1)
    expect(server.connections()).toBe(2)
    expect(relay.stats()).toMatchObject({ failures: 0, inUse: 0, idle: 1 })
    expect(relay.away()).toBeNull()
  })

  it.each([true, false])('is dropped when it is released, and nobody is to blame (first mail of the connection: %s)', async (isFirst) => {
    const { server, relay, session, messages } = await beginAndWait(isFirst)
    session.release()
    await pause(20)
    expect(relay.stats()).toMatchObject({ failures: 0, inUse: 0, idle: 0, waiting: 0, connecting: 0 })
    expect(relay.away()).toBeNull()
    expect(server.messages).toHaveLength(messages)
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
  })

  it('is not sent, without blame, when there is no other connection', async () => {
    const { server, relay, session } = await beginAndWait(false)
    await server.stop()
    expect(await session.send(envelope, mail, never)).toEqual({ is: 'not-sent', reason: 'aborted' })
    session.release()
    expect(relay.stats()).toMatchObject({ inUse: 0, idle: 0, waiting: 0 })
  })
})

it('a mail that is begun and released does not say that the relay works', async () => {
  let mails = 0
  const { relay } = await scripted({
    replies: { MAIL: (socket) => void socket.write((mails += 1) === 3 ? '421 4.3.2 closing\r\n' : '250 Ok\r\n') },
  })
  expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
  const session = await relay.acquire(never)
  session.begin(envelope, mail)
  await until(() => mails === 2)
  expect(await sendOne(relay)).toMatchObject({ is: 'refused', means: 'busy' })
  expect(relay.away()).not.toBeNull()
  session.release()
  await pause(20)
  expect(relay.away()).not.toBeNull()
})

it('a mail that is begun over a connection that the relay has ended goes over another when it is sent, however late that is', async () => {
  const { server, session, wait } = await begunOverAnEndedConnection()
  wait(10_000)
  await pause(20)
  expect([server.messages.length, server.connections()]).toEqual([1, 1])
  expect(await session.send(envelope, mail, never)).toMatchObject({ is: 'accepted' })
  session.release()
  expect([server.messages.length, server.connections()]).toEqual([2, 2])
})

it('a mail that is begun over a connection that the relay has ended, and released, opens no other', async () => {
  const { server, relay, session } = await begunOverAnEndedConnection()
  session.release()
  await pause(50)
  expect(relay.stats()).toMatchObject({ waiting: 0, inUse: 0, idle: 0, connecting: 0, failures: 0 })
  expect(server.connections()).toBe(1)
  expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
})

it('a mail that is begun and aborted before its body is not sent', async () => {
  const { server, relay } = await scripted({})
  const session = await relay.acquire(never)
  session.begin(envelope, mail)
  await until(() => server.commands.includes('DATA'))
  expect(await session.send(envelope, mail, AbortSignal.abort())).toEqual({ is: 'not-sent', reason: 'aborted' })
  session.release()
  await until(() => server.open() === 0)
  expect(server.messages).toEqual([])
})

/** A second mail, whose connection the relay has ended since the first. */
async function begunOverAnEndedConnection() {
  let mails = 0
  let now = 0
  const server = await scriptedServer({
    replies: { MAIL: (socket) => ((mails += 1) === 2 ? socket.destroy() : socket.write('250 Ok\r\n')) },
  })
  const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { now: () => now })
  await sendOne(relay)
  const session = await relay.acquire(never)
  session.begin(envelope, mail)
  await until(() => server.open() === 0)
  return { server, relay, session, wait: (ms: number) => void (now += ms) }
}

async function deadlineOf(sendDeadlineMs: number, replies: NonNullable<Parameters<typeof scriptedServer>[0]>['replies']) {
  const server = await scriptedServer({ replies: replies ?? {} })
  return { server, relay: relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs }) }
}
