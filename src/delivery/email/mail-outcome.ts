import { jitter } from '../../std/backoff.ts'
import type { Performed } from '../channel.ts'
import type { OutcomeSignal } from '../outcome-signal.ts'
import type { Reply } from '../intent-store.ts'
import type { SendResult, SendTrouble } from './mail-relay.ts'
import { DAY_MS } from '../../std/day.ts'

/** The outcome for the intent: its own fault, a fault of the relay, or a transient one. @param ageMs since the intent was created. */
export function performed(result: SendResult, durationMs: number, ageMs: number): Performed {
  if (result.is === 'accepted') {
    const { code, providerId } = result
    return { is: 'done', state: 'sent', reply: { status: code, durationMs, ...(providerId === null ? {} : { providerId }) } }
  }
  if (result.is === 'refused') return refused(result, ageMs, { status: result.code, durationMs, error: refusalSentence(result) })
  if (result.is === 'ambiguous') {
    const error = `The relay was given the whole message and did not answer${inTime(result.reason)}; it may have taken it`
    return { is: 'ambiguous', reason: result.reason, reply: { durationMs, error }, outcomeSignal: silent(result.reason) }
  }
  // Counts, so that a mail that breaks every connection is given up; an attempt that our own stop cut off does not.
  const countsAsAttempt = result.reason !== 'aborted'
  const error = inTime(result.reason) === '' ? 'The connection to the relay ended before the end of the message' : silence(result.reason)
  return { is: 'retry', reason: result.reason, countsAsAttempt, reply: { durationMs, error }, outcomeSignal: silent(result.reason) }
}

function inTime(reason: SendTrouble): string {
  return reason.startsWith('timeout-') ? ' in time' : ''
}

function silence(reason: SendTrouble): string {
  if (reason === 'timeout-body') return 'The relay did not read the message in time'
  return `The relay did not answer ${reason.slice('timeout-'.length).toUpperCase()} in time`
}

/** A relay that judges a mail works, whatever the verdict. */
const judged: OutcomeSignal = { is: 'ok' }

/** A single connection may be lost for many reasons; several in a row mean that the relay accepts mails and does not answer. */
function silent(reason: SendTrouble): OutcomeSignal {
  if (reason === 'aborted') return { is: 'none' }
  // Some relays contact the recipient's own server before they answer; a timeout there is not the relay's.
  return { is: 'failure', reason, ofOne: reason === 'timeout-rcpt' || reason === 'timeout-data' }
}

type Refused = Extract<SendResult, { is: 'refused' }>

/** RFC 5321, 4.5.4.1: a sender gives up after four or five days. */
const GIVE_UP_MS = 5 * DAY_MS
/** Delay after the relay refused us rather than the mail: an operator has to fix that, which takes minutes. */
const REFUSED_US_MS = 5 * 60_000

function refused({ means, stage }: Refused, ageMs: number, reply: Reply): Performed {
  switch (means) {
    case 'login': {
      const reason = 'relay-credentials-refused'
      const outcomeSignal = { is: 'throttled', reason, forMs: 60_000 } as const
      return { is: 'retry', reason, afterMs: 60_000, countsAsAttempt: false, reply, outcomeSignal }
    }
    case 'busy': {
      // 421 and 454 throttle the client as a whole: the relay is left alone for a time that grows until it accepts a mail.
      const reason = 'relay-busy'
      const outcomeSignal = { is: 'throttled', reason, forMs: null } as const
      return { is: 'retry', reason, afterMs: 5_000, countsAsAttempt: false, reply, outcomeSignal }
    }
    case 'us': {
      const reason = 'relay-refuses-us'
      if (ageMs > GIVE_UP_MS) return { is: 'dead', reason, reply, outcomeSignal: refusesAll(reason) }
      return { is: 'retry', reason, afterMs: jitter(REFUSED_US_MS), countsAsAttempt: false, reply, outcomeSignal: refusesAll(reason) }
    }
    case 'later': {
      const reason = stage === 'RCPT TO' ? 'recipient-deferred' : 'message-deferred'
      return { is: 'retry', reason, countsAsAttempt: true, reply, outcomeSignal: judged }
    }
    case 'mailbox-unavailable':
      return { is: 'retry', reason: means, countsAsAttempt: true, reply, outcomeSignal: judged }
    case 'undeliverable':
      return { is: 'retry', reason: means, countsAsAttempt: true, reply, outcomeSignal: refusesAll(means) }
    case 'unclear':
      return { is: 'rejected', reason: 'refused-unclear', reply, outcomeSignal: refusesAll('refused-unclear') }
    case 'no-such-mailbox':
    case 'policy':
    case 'message':
    case 'sender':
    case 'smtputf8':
      return { is: 'rejected', reason: reasonOfRejection[means], reply, outcomeSignal: judged }
  }
}

/** Only `recipient-refused` says anything about the address: suppressions are written for it and for nothing else. */
const reasonOfRejection = {
  'no-such-mailbox': 'recipient-refused',
  policy: 'refused-by-policy',
  message: 'message-refused',
  sender: 'sender-refused',
  smtputf8: 'smtputf8-unsupported',
} as const

/** A fault that may concern this recipient alone; five in a row without a success are a fault of the relay. */
function refusesAll(reason: string): OutcomeSignal {
  return { is: 'failure', reason, ofOne: true }
}

/** Codes and our own words; the relay's text may hold the address. */
function refusalSentence({ means, code, enhanced, stage }: Refused): string {
  return `${sentences[means]} at ${stage}: ${[code, enhanced].filter((part) => part !== null).join(' ')}`
}

const sentences: Readonly<Record<Refused['means'], string>> = {
  'no-such-mailbox': 'The relay says that the mailbox does not exist',
  'mailbox-unavailable': 'The relay says that the mailbox is full or disabled',
  undeliverable: 'The relay cannot reach the mailbox',
  policy: 'The relay refused the recipient by its policy',
  unclear: 'The relay refused the recipient without saying why',
  message: 'The relay refused the message',
  sender: 'The relay refused the sender',
  smtputf8: 'The relay accepts no addresses beyond ASCII',
  us: 'The relay refuses this sender for every recipient; its log and its settings for this sender say why',
  busy: 'The relay accepts no mail from us now',
  login: 'The relay wants another login',
  later: 'The relay deferred the mail',
}
