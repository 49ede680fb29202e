import type { Performed } from '../hand-over-channel.ts'
import type { Impression } from '../impression.ts'
import type { Reply } from '../intent-store.ts'
import type { SendResult, SendTrouble } from './mail-relay.ts'
import { loginReplies } from './mail-relay.ts'

/** What the relay's answer means for the intent: its fault, the relay's, or nobody's. */
export function performed(result: SendResult, durationMs: number): Performed {
  if (result.is === 'accepted') {
    const { code, providerId } = result
    return { is: 'done', state: 'sent', reply: { status: code, durationMs, ...(providerId === null ? {} : { providerId }) } }
  }
  if (result.is === 'refused') return refused(result, { status: result.code, durationMs, error: refusalSentence(result) })
  if (result.is === 'ambiguous') {
    const error = `The relay was given the whole message and did not answer${inTime(result.reason)}; it may have taken it`
    return { is: 'ambiguous', reason: result.reason, reply: { durationMs, error }, impression: silent(result.reason) }
  }
  // A connection that this mail breaks time after time must not be broken for ever; our own stop is nobody's attempt.
  const burnsAttempt = result.reason !== 'aborted'
  const error = inTime(result.reason) === '' ? 'The connection to the relay ended before the end of the message' : silence(result.reason)
  return { is: 'retry', reason: result.reason, burnsAttempt, reply: { durationMs, error }, impression: silent(result.reason) }
}

function inTime(reason: SendTrouble): string {
  return reason.startsWith('timeout-') ? ' in time' : ''
}

function silence(reason: SendTrouble): string {
  if (reason === 'timeout-body') return 'The relay did not read the message in time'
  return `The relay did not answer ${reason.slice('timeout-'.length).toUpperCase()} in time`
}

/** A relay that judges a mail works, whatever it says of it. */
const judged: Impression = { is: 'worked' }

/** One connection may be lost for a hundred reasons; several in a row say that the relay takes mails and answers nobody. */
function silent(reason: SendTrouble): Impression {
  if (reason === 'aborted') return { is: 'none' }
  // Some relays ask the recipient's own server before they answer; one that lets us hang is not the relay's silence.
  return { is: 'failed', reason, ofOne: reason === 'timeout-rcpt' || reason === 'timeout-data' }
}

type Refused = Extract<SendResult, { is: 'refused' }>

function refused(result: Refused, reply: Reply): Performed {
  if (result.about === 'relay') {
    const credentials = loginReplies.has(result.code)
    const reason = credentials ? 'relay-credentials-refused' : 'relay-busy'
    // 421 and 454 ask all of us to slow down: the relay is left alone for a time that grows until it takes a mail again.
    const impression = { is: 'closed', reason, forMs: credentials ? 60_000 : null } as const
    return { is: 'retry', reason, afterMs: credentials ? 60_000 : 5_000, burnsAttempt: false, reply, impression }
  }
  if (!result.permanent) return { is: 'retry', reason: `${result.about}-deferred`, burnsAttempt: true, reply, impression: judged }
  return { is: 'rejected', reason: permanentReason(result), reply, impression: judged }
}

/**
 * Only `recipient-refused` says anything about the address: suppressions are written for it and for nothing else. A refusal by
 * policy (RFC 3463, X.7: relaying denied, a sender that is listed) is about us, and said of every recipient alike.
 */
function permanentReason({ about, stage, code, enhanced }: Refused): string {
  if (about === 'recipient') return enhanced?.startsWith('5.7.') ? 'refused-by-policy' : 'recipient-refused'
  return stage === 'MAIL FROM' && code !== 552 ? 'sender-refused' : 'message-refused'
}

/** Codes and our own words; the relay's text may hold the address. */
function refusalSentence({ about, permanent, code, enhanced, stage }: Refused): string {
  const what = about === 'relay' ? 'takes no mail from us now' : permanent ? `refused the ${about}` : `put the ${about} off`
  return `The relay ${what} at ${stage}: ${[code, enhanced].filter((part) => part !== null).join(' ')}`
}
