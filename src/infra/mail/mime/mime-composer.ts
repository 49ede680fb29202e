import { createHash } from 'node:crypto'
import type { Mailbox, MailParts, MimeComposer } from '../../../delivery/email/mime.ts'
import { mailboxField, textField, tokenField } from './header-field.ts'

/**
 * `multipart/alternative` with a text and an HTML part. The bodies come encoded, so that a mail costs its headers and one copy; the
 * boundary follows from the Message-ID.
 */
export const mimeComposer: MimeComposer = { compose }

function compose(parts: MailParts): Uint8Array {
  const boundary = boundaryOf(parts.messageId)
  return Buffer.from(
    `Auto-Submitted: auto-generated\r\n${furtherFields(parts)}` +
      mailboxField('From', checked(parts.from)) +
      mailboxField('To', checked(parts.to)) +
      (parts.replyTo === undefined ? '' : mailboxField('Reply-To', checked({ address: parts.replyTo }))) +
      textField('Subject', shown(parts.subject, maxSubjectLength)) +
      tokenField('Message-ID', parts.messageId) +
      `Date: ${parts.date.toUTCString().replace('GMT', '+0000')}\r\nMIME-Version: 1.0\r\n` +
      `Content-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n` +
      `--${boundary}\r\n${partFields('plain')}\r\n${parts.text}\r\n` +
      `--${boundary}\r\n${partFields('html')}\r\n${parts.html}\r\n--${boundary}--\r\n`,
  )
}

function partFields(type: 'plain' | 'html'): string {
  return `Content-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n`
}

/** `=_` occurs in no quoted-printable text (RFC 2045, 6.7), so no body can hold the boundary. */
function boundaryOf(messageId: string): string {
  return `=_${createHash('sha256').update(messageId).digest('hex').slice(0, 32)}`
}

function checked({ address, name }: Mailbox): { address: string; name: string } {
  // The caller has parsed it; a last look at what could end the address early costs nothing.
  if (!/^[^\s@,;:<>"()[\]\\]+@[^\s@,;:<>"()[\]\\]+$/.test(address)) throw new Error('a mail can only be composed for a parsed address')
  const domain = address.lastIndexOf('@') + 1
  return { address: address.slice(0, domain) + address.slice(domain).toLowerCase(), name: shown(name ?? '', maxNameLength) }
}

/** Longer ones are no names, and every mail client cuts them. */
const maxNameLength = 200

/** RFC 5322, 2.1.1: a line has 998 bytes at most, and one without a blank cannot be folded. */
const maxSubjectLength = 800

/** Control characters and line separators become blanks: no value can begin a new header, in any client's reading. */
function shown(text: string, length: number): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
  // Half a character at the end becomes a replacement for it.
  return line.length <= length ? line : line.slice(0, length).toWellFormed().trimEnd()
}

function furtherFields({ headers = {} }: MailParts): string {
  let fields = ''
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[A-Za-z][A-Za-z0-9-]{0,60}$/.test(name)) throw new Error('a header name is letters, digits and hyphens')
    // A URL in angle brackets stands as it is (RFC 2369, 3.2); an encoded word would be none.
    fields += /^[\x21-\x7E]{1,900}$/.test(value) ? tokenField(name, value) : textField(name, shown(value, maxSubjectLength))
  }
  return fields
}
