import type { NodemailerError } from 'nodemailer'
import type { SendResult, SmtpStage } from '../../../delivery/email/mail-relay.ts'
import { meaningOf } from './reply-table.ts'

type Refused = Extract<SendResult, { is: 'refused' }>

/**
 * The meaning of a reply to one of our commands; null when the error is a fault of the connection. nodemailer names the
 * command only of errors that a reply caused; an unasked or cut-off reply is filed under `CONN`.
 */
export function refusalOf(error: NodemailerError): Refused | null {
  // nodemailer refuses by itself, before MAIL FROM, what is larger than the relay said it takes. RFC 1870: 552 at MAIL FROM.
  if (error.code === 'EMESSAGE' && error.command === 'MAIL FROM' && error.responseCode === undefined) {
    return { is: 'refused', means: 'message', code: 552, enhanced: null, stage: 'MAIL FROM' }
  }
  // An address that cannot be put between angle brackets never leaves this process. RFC 5321: 553, mailbox name not allowed.
  if (error.code === 'EENVELOPE' && error.command === 'API') {
    return { is: 'refused', means: 'message', code: 553, enhanced: null, stage: 'MAIL FROM' }
  }
  const code = error.responseCode
  const stage = stageOf(error)
  if (code === undefined || stage === null) return null
  const enhanced = enhancedCode(error.response)
  return { is: 'refused', means: meaningOf({ code, enhanced, stage, text: error.response ?? '' }), code, enhanced, stage }
}

function stageOf(error: NodemailerError): SmtpStage | null {
  const { command } = error
  if (command === 'MAIL FROM' || command === 'RCPT TO') return command
  if (command === 'DATA') return error.code === 'EMESSAGE' ? 'end of message' : 'DATA'
  // With PIPELINING the relay may close with 421 before the reply that decides; nodemailer then files it under the connection.
  return command === 'CONN' && error.responseCode === 421 ? 'connection' : null
}

/** RFC 3463: class.subject.detail. Digits and dots only: no text of the relay leaves this file. */
export function enhancedCode(response: string | undefined): string | null {
  return /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})(?!\S)/.exec(response ?? '')?.[1] ?? null
}

/**
 * The id that the relay gave to an accepted mail, for questions to its operator: `queued as <id>` (Postfix), `id=<id>` (Exim), a
 * Message-ID of its own (SES, Microsoft 365). Null when there is none that is certainly just a name.
 */
export function providerIdOf(response: string, serverMessageId: string | undefined): string | null {
  if (serverMessageId !== undefined) return /^<([\w.@+=-]{1,200})>$/.exec(serverMessageId)?.[1] ?? null
  return /\b(?:queued as |id=)([\w.+-]{4,100})(?![\w@])/i.exec(response)?.[1] ?? null
}
