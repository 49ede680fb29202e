import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { cleanUp, envelope, mail, never, relayTo, scripted, scriptedServer, sendOne, unavailable, until } from './smtp-relay-fixture.ts'

afterEach(cleanUp)

/** Far longer than the stages take before the one that hangs, which is to be the one in which it ends. */
const SHORT_MS = 1_000

/** Agrees to TLS and does not read what follows, which is random and may contain the end of a line. */
function goAheadInSilence(socket: Socket): void {
  socket.removeAllListeners('data')
  socket.write('220 go ahead\r\n')
}

/** Sends a byte of a reply that never ends, every few milliseconds. */
function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write('2'), 10)
  socket.on('close', () => clearInterval(timer))
}

/** Answers in the end. */
const slowly = (reply: string) => (socket: Socket) => void setTimeout(() => socket.write(`${reply}\r\n`), 60)

describe('deadlines', () => {
  it.each([
    ['MAIL', 'mail'],
    ['RCPT', 'rcpt'],
    ['DATA', 'data'],
    ['DOT', 'final-reply'],
  ] as const)('a mail that waits for the reply to %s reports its stage: %s', async (verb, stage) => {
    const server = await scriptedServer({ replies: { [verb]: () => undefined } })
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`)
    const session = await relay.acquire(new AbortController().signal)
    expect(session.stage()).toBeNull()
    const over = new AbortController()
    const sending = session.send({ from: 'a@example.com', to: 'b@example.com' }, Buffer.from('Subject: one\r\n\r\none\r\n'), over.signal)
    await until(() => session.stage() === stage)
    over.abort()
    await sending
    expect(session.stage()).toBeNull()
    session.release()
  })

  it.each([
    ['MAIL', 'not-sent', 'timeout-mail'],
    ['RCPT', 'not-sent', 'timeout-rcpt'],
    ['DATA', 'not-sent', 'timeout-data'],
    ['DOT', 'ambiguous', 'timeout-final-reply'],
  ] as const)('a relay that drips or is silent at %s is abandoned at the deadline: %s, %s', async (verb, is, reason) => {
    const ways = [[], ['PIPELINING']].flatMap((extensions) => [drip, () => undefined].map((act) => ({ extensions, act })))
    await Promise.all(
      ways.map(async ({ extensions, act }) => {
        // Nor does it answer to what a client that pipelines has sent meanwhile.
        const later = { MAIL: ['RCPT', 'DATA'], RCPT: ['DATA'], DATA: [], DOT: [] }[verb].map((next) => [next, () => undefined])
        const server = await scriptedServer({ extensions, replies: { [verb]: act, ...Object.fromEntries(later) } })
        const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs: SHORT_MS })
        expect(await sendOne(relay)).toEqual({ is, reason })
        await until(() => server.open() === 0)
      }),
    )
  })

  it('a relay that stops reading in the middle of a body is abandoned at the deadline, and the mail counts as not sent', async () => {
    const server = await scriptedServer({ body: (socket) => socket.pause() })
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs: 3 * SHORT_MS })
    expect(await sendOne(relay, Buffer.alloc(30_000_000, `${'x'.repeat(76)}\r\n`))).toEqual({ is: 'not-sent', reason: 'timeout-body' })
  })

  it('a relay that is silent from the first mail on is reported as silent, not as refusing', async () => {
    const server = await scriptedServer({ replies: { MAIL: () => undefined } })
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs: SHORT_MS })
    await sendOne(relay)
    const error = await unavailable(relay.acquire(never))
    expect(error).toMatchObject({ reason: 'timeout-mail', message: expect.stringMatching(/does not answer MAIL FROM in time/) })
  })

  it('a recipient without a reply does not prevent a new connection for other mails', async () => {
    const server = await scriptedServer({ replies: { RCPT: () => undefined } })
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs: SHORT_MS })
    for (let mails = 0; mails < 3; mails++) expect(await sendOne(relay)).toMatchObject({ reason: 'timeout-rcpt' })
    expect(relay.stats().failures).toBe(0)
  })

  it('a recipient for whom the relay closes the connection delays no other mail', async () => {
    const { relay } = await scripted({ replies: { RCPT: '554 5.7.1 Relay access denied' } })
    for (let mails = 0; mails < 3; mails++) expect(await sendOne(relay)).toMatchObject({ means: 'us' })
    expect(relay.stats().failures).toBe(0)
  })

  it('a mail that is aborted locally does not count against the relay', async () => {
    const { relay, server } = await scripted({ replies: { MAIL: () => undefined } })
    const abort = new AbortController()
    const sending = sendOne(relay, mail, envelope.to, abort.signal)
    await until(() => server.commands.some((line) => line.startsWith('MAIL')))
    abort.abort()
    expect(await sending).toEqual({ is: 'not-sent', reason: 'aborted' })
    expect(relay.stats().failures).toBe(0)
  })

  it('an aborted mail destroys its connection', async () => {
    const { relay, server } = await scripted({ replies: { DOT: () => undefined } })
    const abort = new AbortController()
    const sending = sendOne(relay, mail, envelope.to, abort.signal)
    await until(() => server.messages.length === 1)
    abort.abort()
    expect(await sending).toEqual({ is: 'ambiguous', reason: 'aborted' })
    await until(() => server.open() === 0)
  })

  it.each([
    ['greeting', { greeting: drip }, 'smtp://'],
    ['ehlo', { replies: { EHLO: drip } }, 'smtp://'],
    ['tls', { extensions: ['STARTTLS'], replies: { STARTTLS: drip } }, 'smtp://'],
    ['tls', { extensions: ['STARTTLS'], replies: { STARTTLS: goAheadInSilence } }, 'smtp://'],
    ['auth', { extensions: ['AUTH PLAIN'], replies: { AUTH: drip } }, 'smtp://user:password@'],
    ['auth', { extensions: ['AUTH LOGIN'], replies: { AUTH: '334 VXNlcm5hbWU6', 'C2LUAW==': drip } }, 'smtp://sink:password@'],
  ] as const)('a relay that delays the connection at %s is reported after the connect deadline', async (stage, script, scheme) => {
    const server = await scriptedServer(script)
    const relay = relayTo(`${scheme}127.0.0.1:${server.port}`, { connectDeadlineMs: SHORT_MS })
    const error = await unavailable(relay.acquire(never))
    expect(error).toMatchObject({
      reason: `timeout-${stage}`,
      message: expect.stringMatching(/^The SMTP relay at 127\.0\.0\.1:\d+ accepts/),
    })
    await until(() => server.open() === 0)
  })

  it('a relay with slow replies is waited for', async () => {
    const { relay } = await scripted({
      greeting: slowly('220 at last'),
      replies: { EHLO: slowly('250 relay.example.com'), MAIL: slowly('250 Ok') },
    })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
  })
})
