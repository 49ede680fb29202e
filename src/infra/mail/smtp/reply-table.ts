import type { RefusalMeaning, SmtpStage } from '../../../delivery/email/mail-relay.ts'

/** A negative reply as the relay gave it. The text is read here and goes no further: it may hold the address. */
export interface NegativeReply {
  readonly code: number
  /** RFC 3463, class.subject.detail. */
  readonly enhanced: string | null
  readonly stage: SmtpStage
  readonly text: string
}

/**
 * The subject of a refusal. Most 5xx are about us, our sender or this message, and are the same for every recipient: only a reply that this
 * mailbox does not exist may count against the address. The enhanced code decides where it is specific, otherwise the words do where they are
 * unambiguous. The first matching row counts.
 */
export function meaningOf(reply: NegativeReply): RefusalMeaning {
  return rows.find((row) => fits(row, reply))?.means ?? (reply.stage === 'RCPT TO' ? 'unclear' : 'message')
}

interface Row {
  readonly codes?: readonly number[]
  /** Without the class: 5.1.1 and 4.1.1 are both 1.1. `null`: no enhanced code, or one that says nothing (x.0.0, x.1.0). */
  readonly enhanced?: RegExp | null
  readonly text?: RegExp
  readonly stages?: readonly SmtpStage[]
  readonly means: RefusalMeaning
}

/** The relay has read the recipient. */
const ofRecipient: readonly SmtpStage[] = ['RCPT TO', 'DATA', 'end of message']

const turnedAway =
  /relay(ing)?( access)? (is )?(denied|not (permitted|allowed))|(not permitted|unable|refus\w+|do(es)? not|cannot) (to )?relay|helo|ehlo|block(ed)? ?(list|using|by)|black ?list|dnsbl|\brbl\b|spamhaus|spamcop|barracuda|(?<!not )\blisted (in|on|at|by)\b|reputation|reverse dns|\bptr\b|\bspf\b|\bdkim\b|\bdmarc\b|client host rejected|authentication required/i
const noMailbox =
  /(no such|unknown|invalid|nonexistent|non-existent) (local )?(user|recipient|mailbox|account|address)|(user|recipient|mailbox|account|address)( \S+)? (is )?(unknown|not found|does(n't| not) exist|not exist|invalid)|no (mailbox|account) (here )?(by|with|of) that name|user not found|unrouteable address: unknown user/i
const fullOrDisabled =
  /mailbox( is)? full|over ?quota|quota exceeded|exceeded storage|(mailbox|account|user)( is)? (disabled|suspended|inactive|locked)/i
/** Used at RCPT TO by servers that delay their refusal of the sender or the client until then. */
const aboutUs =
  /\bsender\b|\b(envelope|mail|reverse)[- ]?(from|path)\b|\breturn[- ]path\b|\bfrom address\b|\b(your|client|source|sending) (ip|host|server|domain|address)\b|\bip address\b|\bhost (address|name)\b|too many (unknown|invalid|bad)/i
const aboutLogin = /password|credential|authenticat/i
const tooLarge = /too (large|big)|size limit|exceeds.{0,20} size|message size/i

const rows: readonly Row[] = [
  // RFC 4954 and RFC 3207: a login or encryption is wanted, or another than ours.
  { codes: [530, 534, 535, 538], means: 'login' },
  // RFC 5321, 3.8: 421 closes. RFC 4954, RFC 3207: 454, its login or TLS is out of order. 4.2.4: 503, the session got out of step.
  { codes: [421, 454, 503], means: 'busy' },
  { stages: ['connection'], means: 'busy' },
  // Neither 4xx nor 5xx where one of them belongs (a 250 in DATA's place, a 354 to RCPT) is a relay out of step.
  { codes: Array.from({ length: 400 }, (_, code) => code), means: 'busy' },
  { codes: Array.from({ length: 100 }, (_, code) => 400 + code), means: 'later' },

  // RFC 3463, 3.2 and RFC 5248, 2.4: the sender's address, or its domain. RFC 7505, 4.2: its domain takes no mail.
  { enhanced: /^(1\.[789]|7\.27)$/, means: 'sender' },
  // RFC 6531, 3.7.1 and RFC 5248: the address needs SMTPUTF8, or the message does.
  { enhanced: /^6\.(7|8|9|10)$/, means: 'smtputf8' },
  // RFC 5321, 3.6.2 and 4.2.2: commands, parameters, relaying; RFC 3463, 3.6: the protocol. Said of what we do, to any recipient.
  { enhanced: /^5\.(?!3$)\d+$/, stages: ['MAIL FROM', 'RCPT TO', 'DATA'], means: 'us' },
  { codes: [500, 501, 502, 504, 550, 554], enhanced: null, text: turnedAway, means: 'us' },
  // RFC 7372 (SPF, DKIM, reverse DNS) and RFC 4954: our set-up. Other 7.x with such words: lists of senders, relaying.
  { enhanced: /^7\.(8|9|11|2[0-6])$/, means: 'us' },
  { enhanced: /^[37]\.\d+$/, text: turnedAway, means: 'us' },
  { codes: [500, 501, 502, 504], enhanced: null, means: 'us' },

  // Words about the sender or the client, or about a mailbox that is full, say more than the code of a missing mailbox beside them.
  { enhanced: /^1\.([1236]|10)$/, text: aboutUs, stages: ofRecipient, means: 'us' },
  { enhanced: null, text: aboutUs, stages: ofRecipient, means: 'us' },
  { enhanced: null, text: aboutLogin, stages: ofRecipient, means: 'us' },
  { enhanced: /^1\.([1236]|10)$/, text: fullOrDisabled, stages: ofRecipient, means: 'mailbox-unavailable' },
  // RFC 3463, 3.2; RFC 7505, 4.1 (1.10, no mail for this domain). At MAIL FROM the address is the sender's.
  { enhanced: /^1\.([1236]|10)$/, stages: ofRecipient, means: 'no-such-mailbox' },
  { codes: [556], enhanced: null, stages: ['RCPT TO'], means: 'no-such-mailbox' },
  // RFC 3463, 3.3 and 3.4: 2.3 and 3.4 are about the size, RFC 1870 says 552 for it; other 2.x about the mailbox as it is now.
  { enhanced: /^(2\.3|3\.4)$/, means: 'message' },
  { enhanced: /^2\.\d+$/, stages: ofRecipient, means: 'mailbox-unavailable' },
  { codes: [552], enhanced: null, text: tooLarge, means: 'message' },
  { codes: [552], enhanced: null, stages: ofRecipient, means: 'mailbox-unavailable' },
  // RFC 3463, 3.4 and 3.5: the mail system or the way there, which may be anybody's.
  { enhanced: /^[34]\.\d+$/, stages: ofRecipient, means: 'undeliverable' },
  { enhanced: /^7\.\d+$/, stages: ['RCPT TO'], means: 'policy' },

  { enhanced: null, text: fullOrDisabled, stages: ofRecipient, means: 'mailbox-unavailable' },
  { codes: [550, 551, 553, 554], enhanced: null, text: noMailbox, stages: ['RCPT TO'], means: 'no-such-mailbox' },
  { stages: ['MAIL FROM'], codes: [552], means: 'message' },
  { stages: ['MAIL FROM'], means: 'sender' },
]

function fits({ codes, enhanced, text, stages }: Row, reply: NegativeReply): boolean {
  const says = saying(reply.enhanced)
  return (
    (codes === undefined || codes.includes(reply.code)) &&
    (stages === undefined || stages.includes(reply.stage)) &&
    (enhanced === undefined || (enhanced === null ? says === null : says !== null && enhanced.test(says))) &&
    (text === undefined || text.test(reply.text))
  )
}

function saying(enhanced: string | null): string | null {
  const rest = enhanced?.slice(2) ?? null
  return rest === '0.0' || rest === '1.0' ? null : rest
}
