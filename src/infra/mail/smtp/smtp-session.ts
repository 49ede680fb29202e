import type { MailEnvelope, RelaySession, SendResult } from '../../../delivery/email/mail-relay.ts'
import type { SmtpConnection } from './smtp-connection.ts'
import type { SmtpRelayOptions } from './smtp-relay-options.ts'

/** The pool of a session's connections. */
export interface SessionPool {
  /** Another connection in place of one that the relay has ended, which is destroyed; null when there is none. */
  inPlaceOf(connection: SmtpConnection, signal: AbortSignal): Promise<SmtpConnection | null>
  /** What the relay answered to a mail. */
  learn(connection: SmtpConnection, result: SendResult): void
  /** Takes a connection back, dead or alive. */
  release(connection: SmtpConnection): void
}

const oneMail = 'a relay session sends one mail'

/** One mail over one connection, or over those that take its place. */
export function createSmtpSession(
  first: SmtpConnection,
  pool: SessionPool,
  { now, sendDeadlineMs, heldMs }: Required<Pick<SmtpRelayOptions, 'now' | 'sendDeadlineMs' | 'heldMs'>>,
): RelaySession {
  let connection = first
  let state: 'fresh' | 'begun' | 'sending' | 'sent' | 'released' = 'fresh'
  /** When the mail must be over, once it is sent. */
  let until = Infinity
  let carried: Promise<SendResult> | null = null
  let isOver = false
  /** Called when a mail that was begun is sent, or released. */
  let decided: (() => void) | null = null
  const over = new AbortController()
  const onAbort = () => over.abort()
  const isUnderWay = () => state === 'begun' || state === 'sending'
  /** The relay took nothing of the mail. It may end new connections before their first one, which is no reason to open more of them. */
  const mayGoOverAnother = () => {
    const { endedHeld, endedUnanswered, endedUnused, mails } = connection
    return endedHeld || (endedUnanswered && (mails > 1 || (endedUnused && connection === first)))
  }
  const sendOnce = (envelope: MailEnvelope, body: Uint8Array, deadlineMs: number) =>
    connection.send(envelope, body, { ...(state === 'begun' && { heldMs }), deadlineMs, signal: over.signal })

  const carry = async (envelope: MailEnvelope, body: Uint8Array): Promise<SendResult> => {
    let result = await sendOnce(envelope, body, sendDeadlineMs)
    let isNews = true
    while (isUnderWay() && mayGoOverAnother()) {
      // The relay's last words are about our pause.
      if (connection.endedHeld) result = { is: 'not-sent', reason: 'aborted' }
      connection.destroy()
      if (state === 'begun') await new Promise<void>((resolve) => (decided = resolve))
      const another = await pool.inPlaceOf(connection, over.signal)
      const leftMs = until - now()
      if (another === null || !isUnderWay() || leftMs <= 0) {
        // Unused, the other is as it was. Why none opened is known already, and is newer than that this one has worked.
        if (another !== null) pool.release(another)
        isNews = false
        break
      }
      connection = another
      result = await sendOnce(envelope, body, leftMs)
    }
    // When it was released, it is over because we ended it.
    if (isNews && isUnderWay()) pool.learn(connection, result)
    isOver = true
    return result
  }

  return {
    begin: (envelope, body) => {
      if (state !== 'fresh') throw new Error(oneMail)
      state = 'begun'
      carried = carry(envelope, body)
      // Its error is that of `send`.
      carried.catch(() => undefined)
    },
    send: async (envelope, body, signal) => {
      if (state !== 'fresh' && state !== 'begun') throw new Error(oneMail)
      state = 'sending'
      until = now() + sendDeadlineMs
      if (signal.aborted) onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      if (carried === null) carried = carry(envelope, body)
      else if (!signal.aborted) connection.letGo()
      decided?.()
      try {
        return await carried
      } finally {
        signal.removeEventListener('abort', onAbort)
        if (isUnderWay()) state = 'sent'
      }
    },
    stage: () => (state === 'sending' ? connection.stage() : null),
    release: () => {
      if (state === 'released') return
      // Released in the middle of a mail: the state of the SMTP session is unknown.
      const isMidway = isUnderWay() && !isOver
      if (isMidway) {
        connection.left = 'aborted'
        connection.destroy()
        over.abort()
      }
      state = 'released'
      decided?.()
      pool.release(connection)
    },
  }
}
