import { describe, expect, it } from 'vitest'
import type { RefusalMeaning, SmtpStage } from '../../../../../src/delivery/email/mail-relay.ts'
import { meaningOf } from '../../../../../src/infra/mail/smtp/reply-table.ts'
import { enhancedCode } from '../../../../../src/infra/mail/smtp/smtp-reply.ts'

const at = { MAIL: 'MAIL FROM', RCPT: 'RCPT TO', DATA: 'DATA', DOT: 'end of message', CONN: 'connection' } as const

/** Replies as servers give them, some as Postfix, Exim, Sendmail, Exchange and the large providers word them. */
const replies: readonly (readonly [keyof typeof at, string, RefusalMeaning])[] = [
  // This mailbox does not exist.
  ['RCPT', '550 5.1.1 User unknown', 'no-such-mailbox'],
  ['RCPT', '550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table', 'no-such-mailbox'],
  ['RCPT', '550-5.1.1 The email account that you tried to reach does not exist', 'no-such-mailbox'],
  ['RCPT', '550 5.1.2 Host unknown', 'no-such-mailbox'],
  ['RCPT', '501 5.1.3 Bad recipient address syntax', 'no-such-mailbox'],
  ['RCPT', '551 5.1.6 Recipient has moved', 'no-such-mailbox'],
  ['RCPT', '550 5.1.10 RESOLVER.ADR.RecipientNotFound', 'no-such-mailbox'],
  ['RCPT', '556 5.1.10 Recipient address has null MX', 'no-such-mailbox'],
  ['RCPT', '556 Domain does not accept mail', 'no-such-mailbox'],
  ['DOT', '550 5.1.1 User unknown', 'no-such-mailbox'],
  ['RCPT', '550 No such user here', 'no-such-mailbox'],
  ['RCPT', '550 Unknown user', 'no-such-mailbox'],
  ['RCPT', '550 5.0.0 <ann@example.org>... User unknown', 'no-such-mailbox'],
  ['RCPT', '550 Requested action not taken: mailbox not found', 'no-such-mailbox'],
  // It does, and is full or disabled.
  ['RCPT', '552 5.2.2 Mailbox full', 'mailbox-unavailable'],
  ['RCPT', '550 5.2.1 The account is disabled', 'mailbox-unavailable'],
  ['RCPT', '552 Requested mail action aborted: exceeded storage allocation', 'mailbox-unavailable'],
  ['DOT', '552 5.2.2 Over quota', 'mailbox-unavailable'],
  ['RCPT', '550 Mailbox is full', 'mailbox-unavailable'],
  ['RCPT', '554 Account suspended', 'mailbox-unavailable'],
  // Held against the sender or the client, and said of the recipient's command.
  ['RCPT', '550 5.1.0 <w@example.com>: Sender address rejected: User unknown in local recipient table', 'us'],
  ['RCPT', '550 5.1.1 <w@example.com>: Sender address rejected: User unknown', 'us'],
  ['RCPT', '550 Verification failed for <w@example.com> No Such User Here Sender verify failed', 'us'],
  ['RCPT', '550 Could not verify sender: mailbox unknown', 'us'],
  ['RCPT', '550 Domain of sender address does not exist', 'us'],
  ['RCPT', '553 sorry, your envelope sender domain must exist: invalid address', 'us'],
  ['RCPT', '550 envelope-from address does not exist', 'us'],
  ['RCPT', '550 Return path: no such user', 'us'],
  ['RCPT', '550 Message rejected: From address not found', 'us'],
  ['RCPT', '550 Client IP address unknown', 'us'],
  ['RCPT', '550 Host address not found', 'us'],
  ['RCPT', '550 unknown user or password', 'us'],
  ['RCPT', '550 Unknown account: please authenticate before sending', 'us'],
  ['RCPT', '550 too many unknown recipients from your host; user unknown', 'us'],
  ['RCPT', '550 5.1.1 too many invalid recipients, your host is blocked', 'us'],
  ['RCPT', '550 5.1.1 over quota', 'mailbox-unavailable'],
  // Us.
  ['RCPT', '504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname', 'us'],
  ['RCPT', '501 5.5.2 <x>: Helo command rejected: Invalid name', 'us'],
  ['RCPT', '504 Helo command rejected', 'us'],
  ['RCPT', '501 HELO requires a valid name', 'us'],
  ['MAIL', '554 5.5.1 Error: out of order', 'us'],
  ['RCPT', '554 5.5.1 Error: send HELO first', 'us'],
  ['RCPT', '554 5.7.1 <ann@example.org>: Relay access denied', 'us'],
  ['RCPT', '550 5.7.1 Unable to relay', 'us'],
  ['RCPT', '550 relay not permitted', 'us'],
  ['RCPT', '550 we do not relay', 'us'],
  ['RCPT', '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using a list', 'us'],
  ['RCPT', '550 5.7.1 our IP is listed in a block list', 'us'],
  ['RCPT', '554 rejected due to poor reputation', 'us'],
  ['RCPT', '550 5.7.25 reverse DNS validation failed', 'us'],
  ['DOT', '550 5.7.26 unauthenticated email is not accepted due to DMARC', 'us'],
  ['RCPT', '550 5.7.23 SPF validation failed', 'us'],
  ['RCPT', '550 5.3.0 Access denied: blocked by list', 'us'],
  // Our sender.
  ['RCPT', '550 5.1.8 Sender address rejected: Domain not found', 'sender'],
  ['RCPT', '553 5.1.7 Bad sender address syntax', 'sender'],
  ['RCPT', '550 5.7.27 Sender address has null MX', 'sender'],
  ['MAIL', '550 5.1.1 User unknown', 'sender'],
  ['MAIL', '553 no', 'sender'],
  // Anybody's.
  ['RCPT', '550 5.3.0 no', 'undeliverable'],
  ['RCPT', '550 5.4.1 Recipient address rejected: Access denied', 'undeliverable'],
  ['RCPT', '550 5.4.4 Unable to route', 'undeliverable'],
  ['RCPT', '554 5.4.6 Routing loop', 'undeliverable'],
  ['RCPT', '550 5.7.1 Delivery not authorized', 'policy'],
  ['RCPT', '550 Requested action not taken: mailbox unavailable', 'unclear'],
  ['RCPT', '550 5.1.0 Address rejected', 'unclear'],
  ['RCPT', '554 Transaction failed', 'unclear'],
  ['RCPT', '550 user is not listed in the directory', 'unclear'],
  // The message.
  ['RCPT', '553 5.6.7 non-ASCII address not permitted', 'smtputf8'],
  ['RCPT', '550 5.6.7 SMTPUTF8 required', 'smtputf8'],
  ['MAIL', '552 5.3.4 too big', 'message'],
  ['RCPT', '552 5.2.3 length exceeds limit', 'message'],
  ['DOT', '552 Message size exceeds the limit', 'message'],
  ['DOT', '554 5.7.1 This looks like spam', 'message'],
  ['DOT', '554 5.6.0 no', 'message'],
  ['DATA', '554 no valid recipients', 'message'],
  // Later, nobody now, the login.
  ['RCPT', '450 4.2.1 greylisted', 'later'],
  ['RCPT', '452 4.2.2 mailbox full', 'later'],
  ['DOT', '451 4.3.0 later', 'later'],
  ['RCPT', '421 4.7.0 too many', 'busy'],
  ['MAIL', '503 5.5.1 bad sequence', 'busy'],
  ['DATA', '250 Ok', 'busy'],
  ['CONN', '554 no', 'busy'],
  ['MAIL', '530 5.7.0 Authentication required', 'login'],
]

describe('the meaning of a rejection', () => {
  it.each(replies)('at %s: %s', (stage, text, means) => {
    const where: SmtpStage = at[stage]
    expect(meaningOf({ code: Number(text.slice(0, 3)), enhanced: enhancedCode(text), stage: where, text })).toBe(means)
  })
})
