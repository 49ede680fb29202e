import { connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { RelayUnavailable } from '../../../src/delivery/email/mail-relay.ts'
import { SmtpRelay } from '../../../src/infra/mail/smtp/smtp-relay.ts'
import { parseSmtpUrl, type RelayTls } from '../../../src/infra/mail/smtp/smtp-url.ts'
import { createAuthority, type Authority, type Certificate } from '../../../stack/certificates.ts'
import { startSmtpSink, type SmtpSink, type SmtpSinkOptions } from '../../../stack/smtp-sink.ts'
import { startScriptedRelay } from '../../support/scripted-relay.ts'

const never = new AbortController().signal
const login = { user: 'worker', password: 'hidden-word' }
const cleanups: (() => Promise<unknown>)[] = []
let own: Authority
let foreign: Authority
let server: Certificate

beforeAll(async () => {
  ;[own, foreign] = await Promise.all([createAuthority('Own'), createAuthority('Foreign')])
  server = await own.server(['127.0.0.1'])
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function sink(options: SmtpSinkOptions = {}): Promise<SmtpSink> {
  const started = await startSmtpSink(options)
  cleanups.push(() => started.stop())
  return started
}

async function sendTo(url: string, beside: RelayTls = {}): Promise<unknown> {
  const relay = new SmtpRelay({ server: parseSmtpUrl(url, beside), maxConnections: 1, sendDeadlineMs: 30_000 })
  cleanups.push(() => relay.close())
  const session = await relay.acquire(never)
  const result = await session.send({ from: 'news@example.com', to: 'ann@example.org' }, Buffer.from('Subject: x\r\n\r\ny\r\n'), never)
  session.release()
  return result
}

/** What the relay is not used for, as the log says it. */
async function complaint(url: string, beside: RelayTls = {}): Promise<string> {
  const error = await sendTo(url, beside).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof RelayUnavailable)) throw new Error(`expected RelayUnavailable, got ${String(error)}`)
  expect(error.reason).toBe('relay-tls-failed')
  expect(error.message).not.toContain(login.password)
  return error.message.replace(new URL(url).port, 'PORT')
}

/** Before the relay stands somebody who passes on everything and reads it. */
async function listening(relay: SmtpSink): Promise<{ url: string; received(): string }> {
  const chunks: Buffer[] = []
  const sockets = new Set<Socket>()
  const tap = createServer((near) => {
    const far = connect(relay.port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk: Buffer) => chunks.push(chunk))
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
  })
  await new Promise<void>((resolve) => tap.listen(0, '127.0.0.1', resolve))
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => tap.close(resolve))
  })
  const url = new URL(relay.url)
  const address = tap.address()
  url.port = String(typeof address === 'object' && address !== null ? address.port : '')
  return { url: url.href, received: () => Buffer.concat(chunks).toString('latin1') }
}

const secrets = [
  login.password,
  Buffer.from(`\0${login.user}\0${login.password}`).toString('base64'),
  Buffer.from(login.password).toString('base64'),
]

describe('over TLS', () => {
  it.each([
    ['STARTTLS', false],
    ['TLS from the start', true],
  ])('a login and a mail are sent by %s, and an eavesdropper reads nothing of them', async (_name, immediate) => {
    const relay = await sink({ auth: login, tls: { ...server, immediate } })
    const way = await listening(relay)
    expect(await sendTo(way.url, { requireTls: true, ca: own.ca })).toMatchObject({ is: 'accepted' })
    expect(relay.counters).toMatchObject({ secured: 1, logins: 1, accepted: 1 })
    expect(way.received()).not.toContain('ann@example.org')
    for (const secret of secrets) expect(way.received()).not.toContain(secret)
  })

  it('the same eavesdropper reads everything when TLS is turned off', async () => {
    const relay = await sink({ auth: login })
    const way = await listening(relay)
    expect(await sendTo(way.url, { requireTls: false })).toMatchObject({ is: 'accepted' })
    expect(way.received()).toContain('ann@example.org')
    expect(secrets.some((secret) => way.received().includes(secret))).toBe(true)
  })

  it('smtp:// uses TLS when it is offered, even if it is not required', async () => {
    const relay = await sink({ tls: server })
    expect(await sendTo(relay.url, { ca: own.ca })).toMatchObject({ is: 'accepted' })
    expect(relay.counters.secured).toBe(1)
  })
})

describe('a relay without STARTTLS', () => {
  it('gets neither login nor address when TLS is required', async () => {
    const relay = await startScriptedRelay({ extensions: ['AUTH PLAIN LOGIN'], replies: { STARTTLS: '502 5.5.1 no such command' } })
    cleanups.push(() => relay.stop())
    expect(await complaint(`smtp://${login.user}:${login.password}@127.0.0.1:${relay.port}`, { requireTls: true })).toMatch(
      /^The SMTP relay at 127\.0\.0\.1:PORT rejects STARTTLS \(502 5\.5\.1\), and TLS is required; turn it on there, write smtps:\/\/ if it speaks TLS from the start, or set SMTP_REQUIRE_TLS=false to send in clear$/,
    )
    expect(relay.commands.map((line) => line.split(' ')[0])).toEqual(['EHLO', 'STARTTLS'])
    expect(relay.messages).toEqual([])
  })

  it('gets nothing more after it rejected STARTTLS', async () => {
    const relay = await startScriptedRelay({ extensions: ['STARTTLS', 'AUTH PLAIN'], replies: { STARTTLS: '454 4.7.0 not now' } })
    cleanups.push(() => relay.stop())
    const url = `smtp://${login.user}:${login.password}@127.0.0.1:${relay.port}`
    expect(await complaint(url, { requireTls: true })).toMatch(/rejects STARTTLS \(454 4\.7\.0\)/)
    expect(relay.commands.join(' ')).not.toMatch(/AUTH|MAIL/)
  })
})

describe('an untrusted relay gets nothing, and the error names the way out', () => {
  const untrusted = 'The certificate of the SMTP relay at 127.0.0.1:PORT is not signed by a trusted authority (CODE); '
  it.each<[string, () => Promise<Certificate>, () => RelayTls, string]>([
    [
      'another authority',
      async () => server,
      () => ({ ca: foreign.ca }),
      `${untrusted}give the certificate of the authority that signed it by SMTP_CA_FILE, which holds another one`,
    ],
    [
      'the public authorities',
      async () => server,
      () => ({}),
      `${untrusted}give the certificate of the authority that signed it by SMTP_CA_FILE`,
    ],
    [
      'an expired certificate',
      () => own.server(['127.0.0.1'], { expired: true }),
      () => ({ ca: own.ca }),
      'The certificate of the SMTP relay at 127.0.0.1:PORT has expired or is not valid yet (CODE); renew it at the relay, or correct the clock of this machine',
    ],
    [
      'a certificate for another name',
      () => own.server(['elsewhere.example.com']),
      () => ({ ca: own.ca }),
      'The certificate of the SMTP relay at 127.0.0.1:PORT is for another host name (CODE); give SMTP_URL a host name that the certificate holds',
    ],
  ])('%s', async (_name, certificate, beside, sentence) => {
    const tls = await certificate()
    for (const immediate of [false, true]) {
      const relay = await sink({ auth: login, tls: { ...tls, immediate } })
      expect((await complaint(relay.url, beside())).replace(/\([A-Z_]+\)/, '(CODE)')).toBe(sentence)
      expect(relay.counters).toMatchObject({ logins: 0, mails: 0 })
    }
  })

  it('smtps:// to a port without TLS', async () => {
    const relay = await sink({ tls: server })
    expect(await complaint(relay.url.replace('smtp:', 'smtps:'), { ca: own.ca })).toMatch(
      /^The SMTP relay at 127\.0\.0\.1:PORT does not speak TLS on this port \(.*\); write smtp:\/\/ for STARTTLS in SMTP_URL, or correct its port$/,
    )
  })
})
