/** The SMTP envelope: bare addresses, exactly one recipient. The headers of the mail play no part. */
export interface MailEnvelope {
  readonly from: string
  readonly to: string
}

/** The command that a reply answered. */
export type SmtpStage = 'connection' | 'MAIL FROM' | 'RCPT TO' | 'DATA' | 'end of message'

/**
 * The result of an attempt. A relay that has not seen the end of a message never takes responsibility for it, and its answer decides
 * (RFC 5321, 4.2.5); only the end of the message without an answer leaves the outcome unknown.
 */
export type SendResult =
  | { readonly is: 'accepted'; readonly code: number; readonly providerId: string | null }
  /** The relay refused the mail. */
  | {
      readonly is: 'refused'
      readonly means: RefusalMeaning
      readonly code: number
      /** The enhanced status code (RFC 3463), such as 5.1.1, when the relay gave one. */
      readonly enhanced: string | null
      readonly stage: SmtpStage
    }
  /** The end of the message was not sent: it was not accepted and can be sent again. */
  | { readonly is: 'not-sent'; readonly reason: SendTrouble }
  /** The end of the message may have arrived and no reply came back. */
  | { readonly is: 'ambiguous'; readonly reason: SendTrouble }

/** The subject of a refusal. */
export type RefusalMeaning =
  /** This mailbox, or its domain, does not exist: the only one for which the address is suppressed. */
  | 'no-such-mailbox'
  /** The mailbox exists, and is full or disabled now. */
  | 'mailbox-unavailable'
  /** The route to the mailbox, or a mail system on it. */
  | 'undeliverable'
  /** A policy of the relay or of another server about this mail. */
  | 'policy'
  /** The reply does not say. */
  | 'unclear'
  | 'message'
  | 'sender'
  /** The address or the message goes beyond ASCII, and the relay, or a server behind it, does not support that. */
  | 'smtputf8'
  /** Our host name, the senders that we may use, or a blocklist; the same for every recipient. */
  | 'us'
  /** The relay as a whole: it is closing, out of order or out of step. */
  | 'busy'
  /** The login: only an operator can fix it. */
  | 'login'
  /** This mail, later (4xx). */
  | 'later'

/** The stage of a connection that is being opened. */
export type ConnectStage = 'connect' | 'greeting' | 'ehlo' | 'tls' | 'auth'
/** The stage of a mail: waiting for the reply to a command, for the relay to read the body, or for the reply to the whole mail. */
export type SendStage = 'mail' | 'rcpt' | 'data' | 'body' | 'final-reply'

/**
 * `aborted`: by the caller's signal, or its body was held and no other connection carried it. `timeout-...`: the attempt reached its deadline at
 * this stage, however busy the connection was.
 */
export type SendTrouble = 'connection-lost' | `timeout-${SendStage}` | 'aborted' | 'protocol-error'

/** A connection acquired for one mail. */
export interface RelaySession {
  /**
   * Begins the mail that `send` will send: the relay gets its envelope, and nothing of its body. Not necessary before `send`, which gets the
   * relay's answer, however early that comes; where the relay has given up waiting, `send` begins again. A session that is released in between
   * destroys its connection, unless the relay has refused the envelope, and the relay drops the mail.
   */
  begin(envelope: MailEnvelope, body: Uint8Array): void
  /**
   * Sends one mail, the one that was begun if there is one; once per session. Never rejects. When `signal` aborts, the connection is destroyed
   * at once. A connection that the relay has ended since its last mail is replaced.
   */
  send(envelope: MailEnvelope, body: Uint8Array, signal: AbortSignal): Promise<SendResult>
  /** The stage of the mail in flight; null while there is none. */
  stage(): SendStage | null
  /** Returns the connection to the pool. Safe to call at any time and more than once. */
  release(): void
}

export interface RelayStats {
  readonly connecting: number
  readonly inUse: number
  readonly idle: number
  /** Callers of `acquire` that wait for a connection. */
  readonly waiting: number
  /** Connections opened since the start. */
  readonly opened: number
  /** Connections that could not be opened, or were lost before a mail was sent over them, since the last that worked. */
  readonly failures: number
}

/** Why no mail can be sent, and since when. */
export interface RelayAway {
  readonly reason: RelayTrouble
  /** For the operator, as in {@link RelayUnavailable}. */
  readonly sentence: string
  readonly forMs: number
}

/** The port to the SMTP relay. */
export interface MailRelay {
  /** Host and port. */
  readonly host: string
  /**
   * A connection on which the relay has answered within the last second. Waits while all are in use.
   *
   * @throws {RelayUnavailable} at once while the relay is known to be away, so that frequent calls cost nothing.
   */
  acquire(signal: AbortSignal): Promise<RelaySession>
  /**
   * Connects and logs in.
   *
   * @throws {RelayUnavailable} with a sentence for the operator.
   */
  verify(signal: AbortSignal): Promise<void>
  stats(): RelayStats
  /** Null while the relay is not known to be unavailable: it has accepted a mail since, or a connection after those had failed. */
  away(): RelayAway | null
  /** Ends every connection, also those in use, and rejects all waiting callers. Nothing is left running after it. */
  close(): Promise<void>
}

export type RelayTrouble =
  | 'relay-unreachable'
  | 'relay-credentials-refused'
  | 'relay-refuses-us'
  | 'relay-tls-failed'
  | `timeout-${ConnectStage}`
  | 'timeout-mail'
  | 'relay-closed'
  | 'aborted'

/** The relay accepts no mail from us now. The message is one sentence for the operator, without credentials or the relay's own text. */
export class RelayUnavailable extends Error {
  override readonly name = 'RelayUnavailable'
  readonly reason: RelayTrouble
  /** When the next connection will be tried, in milliseconds from now. */
  readonly retryAfterMs: number
  /** Only an operator can fix it: the credentials are wrong or missing. */
  readonly credentials: boolean

  constructor(reason: RelayTrouble, sentence: string, retryAfterMs: number) {
    super(sentence)
    this.reason = reason
    this.retryAfterMs = retryAfterMs
    this.credentials = reason === 'relay-credentials-refused'
  }
}

/** Replaces the relay where no group of this process sends mail; mails that arrive here all the same wait. */
export const noRelay: MailRelay = {
  acquire: () => Promise.reject(new RelayUnavailable('relay-closed', 'SMTP_URL is not set: this process sends no mail', 60_000)),
  verify: () => Promise.resolve(),
  stats: () => ({ connecting: 0, inUse: 0, idle: 0, waiting: 0, opened: 0, failures: 0 }),
  host: 'none',
  away: () => null,
  close: () => Promise.resolve(),
}
