import { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { MailRelay, SendResult } from '../../../src/delivery/email/mail-relay.ts'
import { RelayUnavailable } from '../../../src/delivery/email/mail-relay.ts'
import type { SmtpRelayOptions } from '../../../src/infra/mail/smtp/smtp-relay-options.ts'
import { SmtpRelay } from '../../../src/infra/mail/smtp/smtp-relay.ts'
import { parseSmtpUrl } from '../../../src/infra/mail/smtp/smtp-url.ts'
import type { SmtpSink, SmtpSinkOptions } from '../../../stack/smtp-sink.ts'
import { startSmtpSink } from '../../../stack/smtp-sink.ts'
import type { Script, ScriptedRelay } from '../../support/scripted-relay.ts'
import { startScriptedRelay } from '../../support/scripted-relay.ts'

const envelope = { from: 'news@example.com', to: 'ann@example.org' }
const mail = Buffer.from('Subject: hello\r\n\r\n.a line that begins with a dot\r\n')
const never = new AbortController().signal
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function relayTo(url: string, options: Partial<SmtpRelayOptions> = {}): SmtpRelay {
  const relay = new SmtpRelay({ server: parseSmtpUrl(url), maxConnections: 10, sendDeadlineMs: 5_000, ...options })
  cleanups.push(() => relay.close())
  return relay
}

async function sink(options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const started = await startSmtpSink(options)
  cleanups.push(() => started.stop())
  return started
}

async function scripted(script: Script): Promise<{ server: ScriptedRelay; relay: SmtpRelay }> {
  const server = await startScriptedRelay(script)
  cleanups.push(() => server.stop())
  return { server, relay: relayTo(`smtp://127.0.0.1:${server.port}`) }
}

async function sendOne(relay: MailRelay, body: Uint8Array = mail, to = envelope.to, signal = never): Promise<SendResult> {
  const session = await relay.acquire(signal)
  try {
    return await session.send({ from: envelope.from, to }, body, signal)
  } finally {
    session.release()
  }
}

async function until(fact: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!fact()) {
    if (Date.now() > deadline) throw new Error('the fact did not come true within 10 s')
    await pause(5)
  }
}

async function unavailable(work: Promise<unknown>): Promise<RelayUnavailable> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof RelayUnavailable) return error
  throw new Error(`expected RelayUnavailable, got ${String(error)}`)
}

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

describe('the meaning of a reply', () => {
  for (const extensions of [[], ['PIPELINING']]) {
    const how = extensions.length > 0 ? 'pipelined' : 'one by one'
    const cases: [string, Record<string, string>, Partial<Extract<SendResult, { is: 'refused' }>>][] = [
      ['4xx at MAIL', { MAIL: '451 4.3.0 later' }, { means: 'later', stage: 'MAIL FROM', code: 451, enhanced: '4.3.0' }],
      ['5xx at MAIL', { MAIL: '550 5.7.1 no' }, { means: 'sender', stage: 'MAIL FROM', code: 550, enhanced: '5.7.1' }],
      ['530 at MAIL', { MAIL: '530 5.7.0 log in' }, { means: 'login', stage: 'MAIL FROM', code: 530 }],
      ['4xx at RCPT', { RCPT: '450 4.2.1 greylisted' }, { means: 'later', stage: 'RCPT TO', code: 450 }],
      ['5xx at RCPT', { RCPT: '550 5.1.1 no such user' }, { means: 'no-such-mailbox', stage: 'RCPT TO', code: 550, enhanced: '5.1.1' }],
      ['454 at RCPT', { RCPT: '454 4.7.0 not now' }, { means: 'busy', stage: 'RCPT TO', code: 454 }],
      ['503 at RCPT', { RCPT: '503 5.5.1 bad sequence' }, { means: 'busy', code: 503 }],
      ['5xx at the end', { DOT: '554 5.6.0 spam' }, { means: 'message', stage: 'end of message', code: 554 }],
      ['4xx at the end', { DOT: '452 4.3.1 full' }, { means: 'later', stage: 'end of message', code: 452 }],
      ['421 at the end', { DOT: '421 4.3.2 closing' }, { means: 'busy', stage: 'end of message', code: 421 }],
    ]
    // With PIPELINING a server that takes RCPT may still refuse DATA; after a refused MAIL or RCPT it must.
    cases.push(['4xx at DATA', { DATA: '451 4.3.0 later' }, { means: 'later', stage: 'DATA', code: 451 }])
    cases.push(['5xx at DATA', { DATA: '554 5.6.0 no' }, { means: 'message', stage: 'DATA', code: 554 }])
    it.each(cases)(`%s, ${how}`, async (_name, replies, expected) => {
      const refusedEarlier = extensions.length > 0 && ('MAIL' in replies || 'RCPT' in replies)
      const { relay } = await scripted({
        extensions,
        replies: refusedEarlier ? { ...replies, DATA: '503 5.5.1 nobody to send to' } : replies,
      })
      expect(await sendOne(relay)).toMatchObject({ is: 'refused', ...expected })
    })

    it.each(['MAIL', 'RCPT'])(`421 at %s closes the connection and counts against the relay, ${how}`, async (verb) => {
      const { relay } = await scripted({ extensions, replies: { [verb]: (socket) => socket.end('421 4.3.2 too busy\r\n') } })
      expect(await sendOne(relay)).toMatchObject({ is: 'refused', means: 'busy', code: 421 })
    })
  }

  it('250 is accepted, with the id of the relay, and dots at line starts survive', async () => {
    const { relay, server } = await scripted({ extensions: ['PIPELINING'] })
    expect(await sendOne(relay)).toEqual({ is: 'accepted', code: 250, providerId: '4XyZ01abc' })
    expect(server.messages).toEqual(['Subject: hello\r\n\r\n..a line that begins with a dot\r\n'])
    expect(server.commands).toContain('RCPT TO:<ann@example.org>')
  })

  it('a mail larger than the announced limit of the relay is rejected without being sent', async () => {
    const { relay, server } = await scripted({ extensions: ['SIZE 40'] })
    expect(await sendOne(relay)).toMatchObject({ is: 'refused', means: 'message', code: 552 })
    expect(server.commands.some((line) => line.startsWith('MAIL'))).toBe(false)
  })

  it('a result contains no text of the relay', async () => {
    const { relay } = await scripted({ replies: { RCPT: '550 5.1.1 <ann@example.org> secret words' } })
    expect(JSON.stringify(await sendOne(relay))).not.toMatch(/ann|secret/)
  })
})

describe('an address beyond ASCII', () => {
  const to = 'bücherfreund@xn--bcher-kva.example'

  it('is not sent to a relay without SMTPUTF8, which counts against this mail alone', async () => {
    for (const envelopes of [
      { from: envelope.from, to },
      { from: to, to: envelope.to },
    ]) {
      const { relay, server } = await scripted({ extensions: ['PIPELINING', '8BITMIME'] })
      const session = await relay.acquire(never)
      expect(await session.send(envelopes, mail, never)).toEqual({
        is: 'refused',
        means: 'smtputf8',
        code: 553,
        enhanced: '5.6.7',
        stage: 'MAIL FROM',
      })
      session.release()
      expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
      expect(server.commands.filter((line) => line.startsWith('MAIL'))).toEqual(['MAIL FROM:<news@example.com>'])
      expect(server.connections()).toBe(1)
    }
  })

  it('is sent with SMTPUTF8 to a relay that offers it', async () => {
    const { relay, server } = await scripted({ extensions: ['PIPELINING', 'SMTPUTF8'] })
    expect(await sendOne(relay, mail, to)).toMatchObject({ is: 'accepted' })
    const commands = server.commands.map((line) => Buffer.from(line, 'latin1').toString('utf8'))
    expect(commands).toContain('MAIL FROM:<news@example.com> SMTPUTF8')
    expect(commands).toContain(`RCPT TO:<${to}>`)
  })
})

describe('the result when the connection ends', () => {
  const big = Buffer.alloc(8_000_000, `${'x'.repeat(76)}\r\n`)

  it('before DATA: not sent', async () => {
    const { relay } = await scripted({ replies: { RCPT: (socket) => socket.destroy() } })
    expect(await sendOne(relay)).toEqual({ is: 'not-sent', reason: 'connection-lost' })
  })

  it('in the middle of a body: not sent', async () => {
    const { relay } = await scripted({ body: (socket, received) => received > 100_000 && socket.destroy() })
    expect(await sendOne(relay, big)).toEqual({ is: 'not-sent', reason: 'connection-lost' })
  })

  it('after the end of the message: ambiguous', async () => {
    const { relay, server } = await scripted({ replies: { DOT: (socket) => socket.destroy() } })
    expect(await sendOne(relay)).toEqual({ is: 'ambiguous', reason: 'connection-lost' })
    expect(server.messages).toHaveLength(1)
  })

  it('after the end of the message, with half a reply: ambiguous', async () => {
    const { relay } = await scripted({ replies: { DOT: (socket) => socket.end('421 4.3.2 shutting do') } })
    expect(await sendOne(relay)).toEqual({ is: 'ambiguous', reason: 'connection-lost' })
  })

  it('after the 250: accepted, and the next mail takes a new connection', async () => {
    const { relay, server } = await scripted({ replies: { DOT: (socket) => socket.end('250 Ok\r\n') } })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(server.connections()).toBe(2)
  })

  it('a relay that replies before the end of the body gets no more of it', async () => {
    const { relay, server } = await scripted({ body: (socket, received) => received > 100_000 && socket.write('552 5.3.4 enough\r\n') })
    expect(await sendOne(relay, big)).toMatchObject({ is: 'refused', code: 552, means: 'message' })
    expect(relay.stats()).toMatchObject({ idle: 0, inUse: 0 })
    await until(() => server.open() === 0)
    expect(server.messages).toEqual([])
  })

  it('a 250 before the end of the body does not count as accepted', async () => {
    const { relay, server } = await scripted({ body: (socket, received) => received > 100_000 && socket.write('250 Ok\r\n') })
    expect(await sendOne(relay, big)).toEqual({ is: 'not-sent', reason: 'protocol-error' })
    await until(() => server.open() === 0)
  })
})

describe('deadlines', () => {
  it.each([
    ['MAIL', 'mail'],
    ['RCPT', 'rcpt'],
    ['DATA', 'data'],
    ['DOT', 'final-reply'],
  ] as const)('a mail that waits for the reply to %s reports its stage: %s', async (verb, stage) => {
    const server = await startScriptedRelay({ replies: { [verb]: () => undefined } })
    cleanups.push(() => server.stop())
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
    for (const extensions of [[], ['PIPELINING']]) {
      for (const act of [drip, () => undefined]) {
        // Nor does it answer to what a client that pipelines has sent meanwhile.
        const later = { MAIL: ['RCPT', 'DATA'], RCPT: ['DATA'], DATA: [], DOT: [] }[verb].map((next) => [next, () => undefined])
        const server = await startScriptedRelay({ extensions, replies: { [verb]: act, ...Object.fromEntries(later) } })
        cleanups.push(() => server.stop())
        const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs: 200 })
        expect(await sendOne(relay)).toEqual({ is, reason })
        await until(() => server.open() === 0)
      }
    }
  })

  it('a relay that stops reading in the middle of a body is abandoned at the deadline, and the mail counts as not sent', async () => {
    const server = await startScriptedRelay({ body: (socket) => socket.pause() })
    cleanups.push(() => server.stop())
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs: 300 })
    expect(await sendOne(relay, Buffer.alloc(30_000_000, `${'x'.repeat(76)}\r\n`))).toEqual({ is: 'not-sent', reason: 'timeout-body' })
  })

  it('a relay that is silent from the first mail on is reported as silent, not as refusing', async () => {
    const server = await startScriptedRelay({ replies: { MAIL: () => undefined } })
    cleanups.push(() => server.stop())
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs: 100 })
    await sendOne(relay)
    const error = await unavailable(relay.acquire(never))
    expect(error).toMatchObject({ reason: 'timeout-mail', message: expect.stringMatching(/does not answer MAIL FROM in time/) })
  })

  it('a recipient without a reply does not prevent a new connection for other mails', async () => {
    const server = await startScriptedRelay({ replies: { RCPT: () => undefined } })
    cleanups.push(() => server.stop())
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { sendDeadlineMs: 100 })
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
    const server = await startScriptedRelay(script)
    cleanups.push(() => server.stop())
    const relay = relayTo(`${scheme}127.0.0.1:${server.port}`, { connectDeadlineMs: 200 })
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

describe('a relay that is away or refuses connections', () => {
  it('counts as away from the first failure until a connection succeeds, or a mail is accepted where connections prove nothing', async () => {
    const smtp = await sink()
    let now = 0
    const relay = relayTo(smtp.url, { now: () => now })
    await smtp.halt()
    expect(relay.away()).toBeNull()
    await unavailable(relay.acquire(never))
    now += 60_000
    await unavailable(relay.acquire(never))
    expect(relay.away()).toMatchObject({ reason: 'relay-unreachable', forMs: 60_000, sentence: expect.stringContaining(relay.host) })
    await smtp.resume()
    now += 60_000
    await relay.verify(never)
    expect(relay.away()).toBeNull()

    smtp.respondWith((stage) => (stage === 'mail' ? { code: 421 } : undefined))
    await sendOne(relay)
    now += 60_000
    await relay.verify(never)
    expect(relay.away()).toMatchObject({ reason: 'relay-refuses-us', forMs: 60_000 })
    smtp.respondWith(undefined)
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(relay.away()).toBeNull()
  })

  it('fails calls at once, tries one connection at a time with backoff, and recovers', async () => {
    let now = 0
    const smtp = await sink()
    const relay = relayTo(smtp.url, { now: () => now, random: () => 1, reconnect: { baseMs: 1_000, maxMs: 4_000 } })
    await smtp.halt()
    const first = await Promise.all(Array.from({ length: 10 }, async () => unavailable(relay.acquire(never))))
    expect(new Set(first.map((error) => error.reason))).toEqual(new Set(['relay-unreachable']))
    expect(first[0]?.message).toMatch(/cannot be reached \(ECONNREFUSED\)/)
    expect(relay.stats().failures).toBe(1)
    for (const pauseMs of [1_000, 2_000, 4_000, 4_000]) {
      expect((await unavailable(relay.acquire(never))).retryAfterMs).toBe(pauseMs)
      now += pauseMs
      await unavailable(relay.acquire(never))
    }
    now += 4_000
    await smtp.resume()
    expect(await Promise.all(Array.from({ length: 10 }, async () => sendOne(relay)))).toEqual(
      Array(10).fill(expect.objectContaining({ is: 'accepted' })),
    )
    expect(relay.stats().failures).toBe(0)
  })

  it('is tried with one connection for all waiting callers after a failure', async () => {
    let now = 0
    let greetings = 0
    const server = await startScriptedRelay({ greeting: (socket) => void (greetings++ === 0 && socket.end('554 5.7.1 not you\r\n')) })
    cleanups.push(() => server.stop())
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { now: () => now })
    await unavailable(relay.acquire(never))
    now += 1_000
    const waiting = Array.from({ length: 5 }, async () => unavailable(relay.acquire(never)))
    expect(relay.stats()).toMatchObject({ connecting: 1, waiting: 5 })
    await relay.close()
    await Promise.all(waiting)
  })

  it('535 names the credentials without revealing them', async () => {
    const smtp = await sink({ auth: true })
    const relay = relayTo(`smtp://sink:wrong-password@127.0.0.1:${smtp.port}`)
    const error = await unavailable(relay.verify(never))
    expect(error).toMatchObject({ reason: 'relay-credentials-refused', credentials: true })
    expect(error.message).toMatch(/rejects the credentials in SMTP_URL \(535\)/)
    expect(error.message).not.toMatch(/wrong-password|sink/)
  })

  it('accepts a login with the right credentials', async () => {
    const smtp = await sink({ auth: { user: 'mail@example.com', password: 'p@ss:w/rd%' } })
    const relay = relayTo(smtp.url)
    await relay.verify(never)
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
  })

  it('gets no credentials when it offers no login', async () => {
    const { port, commands } = await scripted({}).then(({ server }) => server)
    const error = await unavailable(relayTo(`smtp://user:password@127.0.0.1:${port}`).verify(never))
    expect(error).toMatchObject({ credentials: true })
    expect(commands.some((line) => line.startsWith('AUTH'))).toBe(false)
  })

  it('delays later callers after a 530 at MAIL', async () => {
    const { relay } = await scripted({ replies: { MAIL: '530 5.7.0 log in first' } })
    expect(await sendOne(relay)).toMatchObject({ is: 'refused', means: 'login' })
    const error = await unavailable(relay.acquire(never))
    expect(error).toMatchObject({ reason: 'relay-credentials-refused', credentials: true })
    expect(error.message).toMatch(/requires a login and SMTP_URL has none \(530 5\.7\.0\)/)
    expect(error.retryAfterMs).toBeGreaterThan(0)
  })

  it('is tried with backoff when it accepts connections and drops them before a mail', async () => {
    const { relay, server } = await scripted({ replies: { MAIL: (socket) => socket.destroy() } })
    const results = await Promise.allSettled(Array.from({ length: 50 }, async () => sendOne(relay)))
    expect(results.filter((result) => result.status === 'fulfilled' && result.value.is !== 'not-sent')).toEqual([])
    expect(server.connections()).toBeLessThanOrEqual(11)
  })

  it('counts as refusing connections when it greets with 554', async () => {
    const { relay } = await scripted({ greeting: '554 5.7.1 not you' })
    const error = await unavailable(relay.acquire(never))
    expect(error).toMatchObject({ reason: 'relay-refuses-us' })
    expect(error.message).toMatch(/\(554 5\.7\.1\)/)
  })

  it('is used with fewer connections when it allows no more', async () => {
    let open = 0
    const { relay, server } = await scripted({
      greeting: (socket) => {
        open += 1
        socket.on('close', () => (open -= 1))
        if (open > 2) socket.end('421 4.7.0 too many connections\r\n')
        else socket.write('220 relay.example.com ESMTP\r\n')
      },
    })
    // The third caller fails, or waits for one of the two; nobody who was served fails.
    await Promise.all([sendOne(relay), sendOne(relay)])
    const results = await Promise.all(Array.from({ length: 30 }, async () => sendOne(relay)))
    expect(results.every((result) => result.is === 'accepted')).toBe(true)
    expect(server.messages).toHaveLength(32)
  })
})

describe('the pool', () => {
  it('sends many mails over one connection, with RSET between them', async () => {
    const { relay, server } = await scripted({ extensions: ['PIPELINING'] })
    for (let i = 0; i < 5; i++) expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(server.connections()).toBe(1)
    const verbs = server.commands.map((line) => line.split(' ')[0])
    expect(verbs.slice(0, 9)).toEqual(['EHLO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'MAIL', 'RCPT', 'DATA', 'RSET'])
  })

  it('a mail takes three writes: its envelope with DATA, its body with the final dot, and RSET', async () => {
    const { relay, server } = await scripted({ extensions: ['PIPELINING'] })
    await relay.verify(never)
    const spies = [vi.spyOn(Socket.prototype, '_write'), vi.spyOn(Socket.prototype, '_writev')]
    for (const spy of spies) cleanups.push(async () => spy.mockRestore())
    for (let i = 0; i < 3; i++) expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    await until(() => server.commands.at(-1) === 'RSET')
    const written = spies
      .flatMap(({ mock }) => mock.contexts)
      .filter((socket) => socket instanceof Socket && socket.remotePort === server.port)
    expect(written).toHaveLength(9)
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
    const server = await startScriptedRelay()
    cleanups.push(() => server.stop())
    const relay = relayTo(`smtp://127.0.0.1:${server.port}`, { idleMs: 50 })
    await sendOne(relay)
    await until(() => server.open() === 0)
    expect(server.commands.at(-1)).toBe('QUIT')
    expect(relay.stats()).toMatchObject({ idle: 0, inUse: 0 })
  })

  it('does not reuse a connection that the relay closed while it was idle', async () => {
    const { relay, server } = await scripted({ replies: { RSET: (socket) => socket.destroy() } })
    await sendOne(relay)
    await until(() => server.open() === 0)
    expect(await sendOne(relay)).toMatchObject({ is: 'accepted' })
    expect(relay.stats().failures).toBe(0)
  })

  it('checks an old connection before it is reused', async () => {
    let now = 0
    const server = await startScriptedRelay()
    cleanups.push(() => server.stop())
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
