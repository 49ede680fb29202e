import MailComposer from 'nodemailer/lib/mail-composer'
import type { Mailbox, MailParts, MimeComposer } from '../../../delivery/email/mime.ts'

/** Messages by nodemailer's composer: `multipart/alternative` with a text and an HTML part, whatever their alphabet. */
export const mimeComposer: MimeComposer = {
  compose: (parts) =>
    new MailComposer({
      from: mailbox(parts.from),
      to: mailbox(parts.to),
      ...(parts.replyTo === undefined ? {} : { replyTo: mailbox({ address: parts.replyTo }) }),
      subject: cut(oneLine(parts.subject), maxSubjectLength),
      messageId: parts.messageId,
      date: parts.date,
      headers: { 'Auto-Submitted': 'auto-generated', ...headersOf(parts) },
      text: crlfLines(parts.text),
      html: crlfLines(parts.html),
      // The parts are text, and text that names a file or a URL stays text.
      disableFileAccess: true,
      disableUrlAccess: true,
    })
      .compile()
      .build(),
}

/** As an object: a string would be parsed, and a comma in it would be a second recipient. */
function mailbox({ address, name }: Mailbox): { address: string; name: string } {
  // The caller has parsed it; a last look at what could end the address early costs nothing.
  if (!/^[^\s@,;:<>"()[\]\\]+@[^\s@,;:<>"()[\]\\]+$/.test(address)) throw new Error('a mail can only be composed for a parsed address')
  return {
    address,
    name: cut(oneLine(name ?? ''), maxNameLength),
  }
}

/** Longer ones are no names, and every mail client cuts them. */
const maxNameLength = 200

/** RFC 5322, 2.1.1: a line has 998 bytes at most, and one without a blank cannot be folded. */
const maxSubjectLength = 800

/** Half a character at the end becomes a replacement for it. */
function cut(text: string, length: number): string {
  return text.slice(0, length).toWellFormed()
}

/** RFC 5322, 2.3: CR and LF occur only together. */
function crlfLines(text: string): string {
  // By plain strings: one pass of a regular expression over every line of HTML cost more than composing the rest of the mail.
  const lines = text.includes('\r') ? text.replaceAll('\r\n', '\n').replaceAll('\r', '\n') : text
  return lines.toWellFormed().replaceAll('\n', '\r\n')
}

/** Control characters and line separators become blanks: no value can begin a new header, in any client's reading. */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
}

function headersOf(parts: MailParts): Record<string, string> {
  const entries = Object.entries(parts.headers ?? {}).map(([name, value]): [string, string] => {
    if (!/^[A-Za-z][A-Za-z0-9-]{0,60}$/.test(name)) throw new Error('a header name is letters, digits and hyphens')
    return [name, oneLine(value)]
  })
  return Object.fromEntries(entries)
}
