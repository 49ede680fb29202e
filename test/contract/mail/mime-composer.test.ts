import * as fc from 'fast-check'
import PostalMime from 'postal-mime'
import { describe, expect, it } from 'vitest'
import type { MailParts } from '../../../src/delivery/email/mime.ts'
import { mimeComposer } from '../../../src/infra/mail/mime/mime-composer.ts'
import { quotedPrintable } from '../../../src/infra/mail/mime/quoted-printable.ts'

type PlainParts = Omit<MailParts, 'html' | 'text'> & { readonly html: string; readonly text: string }

const parts: PlainParts = {
  from: { address: 'news@example.com', name: 'The List' },
  to: { address: 'ann@example.org', name: 'Ann' },
  subject: 'Welcome',
  html: '<p>Hello</p>',
  text: 'Hello',
  messageId: '<0123@example.com>',
  date: new Date('2026-01-02T03:04:05Z'),
}

function compose(change: Partial<PlainParts>): Uint8Array {
  const plain = { ...parts, ...change }
  return mimeComposer.compose({ ...plain, html: quotedPrintable(plain.html), text: quotedPrintable(plain.text) })
}

async function composed(change: Partial<PlainParts> = {}) {
  const bytes = compose(change)
  return { raw: Buffer.from(bytes).toString('latin1'), mail: await PostalMime.parse(bytes) }
}

function headerNames(raw: string): string[] {
  const block = raw.slice(0, raw.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]/g, ' ')
  return block.split('\r\n').map((line) => line.slice(0, line.indexOf(':')))
}

const ownHeaders = ['Auto-Submitted', 'Content-Type', 'Date', 'From', 'MIME-Version', 'Message-ID', 'Subject', 'To']

describe('mime composer', () => {
  it('composes a mail with both parts and the headers of an automatic mail', async () => {
    const { raw, mail } = await composed({ replyTo: 'help@example.com' })
    expect(headerNames(raw).sort()).toEqual([...ownHeaders, 'Reply-To'].sort())
    expect(raw).toMatch(/^Auto-Submitted: auto-generated\r$/m)
    expect(raw).toMatch(/^Date: Fri, 02 Jan 2026 03:04:05 \+0000\r$/m)
    expect(mail).toMatchObject({ subject: 'Welcome', messageId: '<0123@example.com>' })
    expect(mail.from).toMatchObject({ address: 'news@example.com', name: 'The List' })
    expect(mail.replyTo).toMatchObject([{ address: 'help@example.com' }])
    expect(mail.html?.trim()).toBe('<p>Hello</p>')
    expect(mail.text?.trim()).toBe('Hello')
  })

  it.each([
    ['Zoë Ångström', 'Grüße, 你好 🎉', 'Ahoj světe'],
    ['Ольга Ивановна', 'Ваша позиция: №1', 'Привет'],
    ['O"Neil, Ann; <x@example.com>', 'a "quoted", <angled> subject', 'plain'],
    ['=?utf-8?Q?Ann?=', 'a =?utf-8?B?YQ==?= word that only looks encoded', 'plain'],
    ['x'.repeat(150), 'long '.repeat(60).trim(), 'long '.repeat(600).trim()],
  ])('name, subject and text survive unchanged: %s', async (name, subject, text) => {
    const { raw, mail } = await composed({ to: { address: 'ann@example.org', name }, subject, text, html: `<p>${text}</p>` })
    expect(mail.to).toMatchObject([{ address: 'ann@example.org', name }])
    expect(mail.subject).toBe(subject)
    expect(mail.text?.trim()).toBe(text)
    expect(Math.max(...raw.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998)
  })

  it('lines end with CRLF and nothing else', async () => {
    const { raw } = await composed({ text: 'a\nb\r\nc\rd\n.\n.e', html: '<p>a\nb</p>' })
    expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  })

  it('no value can add a header, a recipient or a part', async () => {
    const tricks = [
      '\r\nBcc: eve@example.com',
      '\nBcc: eve@example.com\n\n<p>',
      '\r\n\r\nbody',
      ', eve@example.com',
      '<eve@example.com>',
      '\u2028Bcc: x',
      '=?utf-8?Q?=0D=0ABcc=3A_eve=40example.com?=',
      '\0',
      '\ud800',
    ]
    const trick = fc
      .array(fc.oneof(fc.constantFrom(...tricks), fc.string({ unit: 'binary', maxLength: 20 })), { maxLength: 4 })
      .map((list) => list.join(''))
    await fc.assert(
      fc.asyncProperty(trick, trick, trick, async (name, subject, header) => {
        const { raw, mail } = await composed({
          from: { address: 'news@example.com', name },
          to: { address: 'ann@example.org', name },
          subject,
          headers: { 'X-Mail-Type': header },
        })
        const names = headerNames(raw).filter((found) => found !== 'X-Mail-Type' && found !== 'Subject')
        expect(names.sort()).toEqual(ownHeaders.filter((own) => own !== 'Subject'))
        expect(mail.to?.map((to) => to.address)).toEqual(['ann@example.org'])
        expect(mail.from?.address).toBe('news@example.com')
        expect(mail.text?.trim()).toBe('Hello')
      }),
      { numRuns: 300 },
    )
  })

  it('control characters and line separators in names and subjects become spaces', async () => {
    const { mail } = await composed({ to: { address: 'ann@example.org', name: 'A\r\nB\u2028C\0' }, subject: 'One\r\n two\u2029three\x07' })
    expect(mail.to).toMatchObject([{ name: 'A B C' }])
    expect(mail.subject).toBe('One  two three')
  })

  it.each(['S'.repeat(20_000), 'é'.repeat(20_000), '🎉'.repeat(20_000), 'long '.repeat(5_000)])(
    'a subject that exceeds a line is truncated, whatever its characters',
    async (subject) => {
      const { raw, mail } = await composed({ subject })
      expect(mail.subject).toBe(subject.slice(0, 800).trim())
      expect(Math.max(...raw.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998)
    },
  )

  it('text that looks like a path or a URL stays text', async () => {
    const { mail } = await composed({ text: 'file:///etc/hostname', html: '<img src="/etc/hostname">' })
    expect(mail.text?.trim()).toBe('file:///etc/hostname')
    expect(mail.attachments).toEqual([])
  })

  it('rejects input that only a programming error can produce', () => {
    expect(() => compose({ to: { address: 'ann@example.org, eve@example.com' } })).toThrow('parsed address')
    expect(() => compose({ headers: { 'X-A: b\r\nBcc': 'x' } })).toThrow('header name')
  })
})
