import { once } from 'node:events'
import { SMTPServer } from 'smtp-server'
import { afterEach, describe, expect, it } from 'vitest'
import { SmtpRelay } from '../../../src/infra/mail/smtp-relay.ts'
import { parseSmtpUrl } from '../../../src/infra/mail/smtp-url.ts'

const never = new AbortController().signal
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** With the self-signed certificate that smtp-server ships. Says for each mail whether it came over TLS. */
async function tlsServer(options: { secure: boolean; disabledCommands?: string[] }): Promise<{ port: number; secured: boolean[] }> {
  const secured: boolean[] = []
  const server = new SMTPServer({
    ...options,
    authOptional: true,
    disableReverseLookup: true,
    logger: false,
    onData: (stream, session, done) => {
      secured.push(session.secure)
      stream.resume().on('end', () => done(null))
    },
  })
  server.on('error', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  cleanups.push(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const address = server.server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port, secured }
}

async function sendTo(url: string): Promise<unknown> {
  const relay = new SmtpRelay({ server: parseSmtpUrl(url), maxConnections: 1, sendDeadlineMs: 5_000 })
  cleanups.push(() => relay.close())
  const session = await relay.acquire(never)
  const result = await session.send({ from: 'news@example.com', to: 'ann@example.org' }, Buffer.from('Subject: x\r\n\r\ny\r\n'), never)
  session.release()
  return result
}

describe('TLS', () => {
  it('smtps:// speaks TLS from the start', async () => {
    const { port, secured } = await tlsServer({ secure: true })
    expect(await sendTo(`smtps://127.0.0.1:${port}?tls.rejectUnauthorized=false`)).toMatchObject({ is: 'accepted' })
    expect(secured).toEqual([true])
  })

  it('smtp:// turns to TLS where it is offered', async () => {
    const { port, secured } = await tlsServer({ secure: false })
    expect(await sendTo(`smtp://127.0.0.1:${port}?tls.rejectUnauthorized=false`)).toMatchObject({ is: 'accepted' })
    expect(secured).toEqual([true])
  })

  it('requireTLS sends nothing to a relay without', async () => {
    const { port, secured } = await tlsServer({ secure: false, disabledCommands: ['STARTTLS'] })
    await expect(sendTo(`smtp://127.0.0.1:${port}?requireTLS=true`)).rejects.toMatchObject({ name: 'RelayUnavailable' })
    expect(secured).toEqual([])
  })

  it.each(['smtp', 'smtps'])('a certificate that nobody vouches for is named: %s', async (scheme) => {
    const { port } = await tlsServer({ secure: scheme === 'smtps' })
    await expect(sendTo(`${scheme}://127.0.0.1:${port}`)).rejects.toMatchObject({ reason: 'relay-tls-failed' })
  })
})
