import MailComposer from 'nodemailer/lib/mail-composer'
import type { Mailbox, MailParts } from '../../src/delivery/email/mime.ts'

/** Reference model: a message of the same parts, with plain bodies, by nodemailer's composer. */
export function nodemailerMessage(
  parts: Omit<MailParts, 'html' | 'text'> & { readonly html: string; readonly text: string },
): Promise<Buffer> {
  const { from, to, replyTo, subject, messageId, date, headers = {}, html, text } = parts
  return new MailComposer({
    from: mailbox(from),
    to: mailbox(to),
    ...(replyTo === undefined ? {} : { replyTo: mailbox({ address: replyTo }) }),
    subject,
    messageId,
    date,
    headers: { 'Auto-Submitted': 'auto-generated', ...headers },
    text,
    html,
    // Thunderbird's parser misreads a character that base64 has on two lines.
    textEncoding: 'quoted-printable',
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build()
}

function mailbox({ address, name = '' }: Mailbox): { address: string; name: string } {
  return { address, name }
}
