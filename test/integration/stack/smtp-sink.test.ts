import { connect } from 'node:net'
import { createTransport } from 'nodemailer'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { SmtpSink, SmtpSinkOptions, SmtpStage } from '../../../stack/smtp-sink.ts'
import { startSmtpSink } from '../../../stack/smtp-sink.ts'

const message = { from: 'a@example.com', to: 'b@example.org', subject: 'Hello', text: 'one\n.two\n', messageId: '<1@example.com>' }

test('a mail is recorded at its final dot with envelope, headers and bytes', async () => {
  const sink = await start({ keepBodies: true, headers: ['list-id'] })
  const received: string[] = []
  sink.onMail((mail) => received.push(`${mail.messageId} ${mail.reply ?? 'unanswered'}`))
  await send(sink, { list: { id: { url: 'list.example.com', comment: 'x' } } })
  expect(sink.mails).toMatchObject([
    {
      messageId: '<1@example.com>',
      from: 'a@example.com',
      recipients: ['b@example.org'],
      subject: 'Hello',
      headers: { 'list-id': expect.stringContaining('list.example.com') },
      reply: 250,
    },
  ])
  expect(sink.mails[0]?.raw?.toString()).toContain('\r\n.two\r\n')
  expect(sink.mails[0]?.size).toBe(sink.mails[0]?.raw?.length)
  expect(received).toEqual(['<1@example.com> unanswered'])
  expect(sink.counters).toEqual({ connections: 1, mails: 1, accepted: 1, secured: 0, logins: 0 })
})

test.for(['connect', 'mail', 'rcpt', 'data'] as const)('the configured reply is sent at the stage %s', async (stage) => {
  const sink = await start({ respond: (at) => (at === stage ? { code: 451, text: 'not now' } : undefined) })
  await expect(send(sink)).rejects.toMatchObject({ responseCode: 451 })
  expect(sink.mails.map(({ reply }) => reply)).toEqual(stage === 'data' ? [451] : [])
  sink.respondWith(undefined)
  await send(sink)
  expect(sink.counters.accepted).toBe(1)
})

test.for(['connect', 'mail', 'rcpt', 'body', 'data'] as const)('the connection is cut at the stage %s', async (stage: SmtpStage) => {
  const sink = await start({ respond: async (at) => (at === stage ? { drop: true } : undefined) })
  await expect(send(sink)).rejects.toThrow(/closed|hang up|reset|greeting/i)
  expect(sink.mails.map(({ reply }) => reply)).toEqual(stage === 'data' ? [undefined] : [])
})

const soon = { timeout: 60_000 }

test.for(['connect', 'mail', 'rcpt', 'data'] as const)(
  'a reply at the stage %s drips endlessly, byte by byte, and never completes',
  async (stage) => {
    const sink = await start({ respond: (at) => (at === stage ? { dripMs: 5 } : undefined) })
    const client = connect(sink.port, '127.0.0.1')
    onTestFinished(() => void client.destroy())
    let received = ''
    let pieces = 0
    client.on('data', (bytes) => {
      received += String(bytes)
      pieces++
    })
    const lines = ['EHLO a.example.com', 'MAIL FROM:<a@example.com>', 'RCPT TO:<b@example.org>', 'DATA', 'x\r\n.']
    const stages = ['connect', 'ehlo', 'mail', 'rcpt', 'DATA', 'data']
    for (const line of lines.slice(0, stages.indexOf(stage))) {
      await vi.waitFor(() => expect(received).toMatch(/^\d{3} .*\r\n$/m), soon)
      received = ''
      client.write(`${line}\r\n`)
    }
    await vi.waitFor(() => expect(received).toContain('250-one moment\r\n250-one moment\r\n'), soon)
    expect(pieces).toBeGreaterThan(20)
    expect(client.destroyed).toBe(false)
  },
)

test('a mail is accepted with a 250, and the connection is cut afterwards', async () => {
  const sink = await start({ respond: (stage) => (stage === 'data' ? { code: 250, text: 'queued', drop: true } : undefined) })
  expect(await send(sink)).toContain('queued')
  expect(sink.mails[0]?.reply).toBe(250)
})

test('with a login only the configured user and password are accepted', async () => {
  const sink = await start({ auth: true })
  await send(sink)
  const stranger = new URL(sink.url)
  stranger.password = 'guessed'
  await expect(send({ url: stranger.href })).rejects.toMatchObject({ responseCode: 535 })
  await expect(send({ url: `smtp://127.0.0.1:${sink.port}` })).rejects.toThrow(/authentication required/i)
  sink.respondWith((stage) => (stage === 'auth' ? { code: 454, text: 'later' } : undefined))
  await expect(send(sink)).rejects.toMatchObject({ responseCode: 454 })
  expect(sink.counters.accepted).toBe(1)
})

test('halt refuses and cuts connections, resume listens on the same port again', async () => {
  const sink = await start({})
  await sink.halt()
  await expect(send(sink)).rejects.toThrow(/ECONNREFUSED/)
  await sink.resume()
  await send(sink)
  expect(sink.mails).toHaveLength(1)
})

test('only the newest mails are kept when their number is limited', async () => {
  const sink = await start({ keepMails: 2 })
  for (const id of ['<1@example.com>', '<2@example.com>', '<3@example.com>']) await send(sink, { messageId: id })
  expect(sink.mails.map(({ messageId }) => messageId)).toEqual(['<2@example.com>', '<3@example.com>'])
  expect(sink.counters.mails).toBe(3)
})

async function start(options: SmtpSinkOptions): Promise<SmtpSink> {
  const sink = await startSmtpSink(options)
  onTestFinished(async () => sink.stop())
  return sink
}

async function send(sink: Pick<SmtpSink, 'url'>, more: object = {}): Promise<string> {
  const transport = createTransport(sink.url)
  const { response } = await transport.sendMail({ ...message, ...more })
  return response
}
