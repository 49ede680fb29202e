import { expect, it } from 'vitest'
import { mimeComposer } from '../../../src/infra/mail/mime/mime-composer.ts'
import { quotedPrintable } from '../../../src/infra/mail/mime/quoted-printable.ts'
import { SmtpRelay } from '../../../src/infra/mail/smtp/smtp-relay.ts'
import { parseSmtpUrl } from '../../../src/infra/mail/smtp/smtp-url.ts'
import { startSmtpSink } from '../../../stack/smtp-sink.ts'

/** Printed, never asserted: the sink runs in this process too, and the machine is shared. */
it('sends 2,000 composed mails over 10 connections, each once', async () => {
  const mails = 2_000
  const sink = await startSmtpSink()
  const relay = new SmtpRelay({ server: parseSmtpUrl(sink.url), maxConnections: 10, sendDeadlineMs: 30_000 })
  // Once for all mails, as the static text of a template is.
  const html = quotedPrintable(`<html><body>${'<p>Hello, this is a paragraph of a mail.</p>'.repeat(100)}</body></html>`)
  const compose = (i: number) =>
    mimeComposer.compose({
      from: { address: 'news@example.com', name: 'News' },
      to: { address: `user${i}@example.org`, name: `User ${i}` },
      subject: `Hello ${i}`,
      html,
      text: quotedPrintable('Hello, this is a mail.\n'.repeat(50)),
      messageId: `<${i}@example.com>`,
      date: new Date(0),
    })
  const never = new AbortController().signal
  try {
    const composing = measure()
    const bodies: Uint8Array[] = []
    for (let i = 0; i < mails; i++) bodies.push(compose(i))
    console.info(`compose: ${composing(mails)}`)

    const sending = measure()
    const results = new Map<string, number>()
    let next = 0
    const worker = async () => {
      for (let i = next++; i < mails; i = next++) {
        const session = await relay.acquire(never)
        const result = await session.send({ from: 'news@example.com', to: `user${i}@example.org` }, bodies[i] ?? Buffer.alloc(0), never)
        session.release()
        results.set(result.is, (results.get(result.is) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: 10 }, worker))
    console.info(`send (with the sink in this process): ${sending(mails)}`)

    expect([...results]).toEqual([['accepted', mails]])
    expect(sink.counters.connections).toBe(10)
    expect(new Set(sink.mails.flatMap((mail) => mail.recipients)).size).toBe(mails)
  } finally {
    await relay.close()
    await sink.stop()
  }
})

function measure(): (mails: number) => string {
  const startedAt = performance.now()
  const before = process.cpuUsage()
  return (mails) => {
    const seconds = (performance.now() - startedAt) / 1_000
    const { user, system } = process.cpuUsage(before)
    return `${Math.round(mails / seconds)} mails/s, ${Math.round((user + system) / mails)} microseconds of CPU per mail`
  }
}
