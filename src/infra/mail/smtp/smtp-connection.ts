import { Duplex } from 'node:stream'
import type { NodemailerError } from 'nodemailer'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { ConnectStage, MailEnvelope, SendResult, SendStage, SendTrouble } from '../../../delivery/email/mail-relay.ts'
import { LazyBody } from './lazy-body.ts'
import { providerIdOf, refusalOf } from './smtp-reply.ts'
import { SmtpStages } from './smtp-stage.ts'
import type { SmtpServer } from './smtp-url.ts'

/** The result of an exchange with the relay: the expected one, an error of nodemailer, an interruption, or both of the latter. */
export interface Answer<Value> {
  readonly value?: Value | undefined
  /** Its text may be the relay's. */
  readonly error: NodemailerError | null
  readonly interrupted: Interrupted | null
}

/** `held`: the body was held for too long. */
type Interrupted = 'connection-lost' | 'deadline' | 'aborted' | 'protocol-error' | 'held'

type Settle<Value> = (error: NodemailerError | null, value?: Value) => void

interface Limits {
  readonly deadlineMs: number
  /** For the part of the exchange before {@link SmtpConnection.letGo}; `deadlineMs` is that of the rest. */
  readonly heldMs?: number | undefined
}

interface SendOptions extends Limits {
  readonly signal: AbortSignal
}

/**
 * One connection, one exchange at a time. Each has a deadline of its own, because a socket's idle timeout never fires against a
 * relay that drips. An interrupted connection is destroyed, because the state of its conversation is unknown.
 */
export class SmtpConnection {
  /** Called once, when the connection is of no more use. */
  onDead: () => void = () => undefined
  /** Of the connections that the pool has opened, the first is 1. */
  number = 0
  /** Mails offered so far, accepted or not. */
  mails = 0
  /** Nothing of a mail is left in the session, so that the next needs no RSET: a mail that was accepted leaves nothing. */
  clean = true
  /** It ended before the relay replied to the last mail, other than with 421: nothing of that mail was taken. */
  endedUnanswered = false
  /**
   * It ended because the body of the last mail was held: by us, or by the relay that waited for it. Nothing of that mail was taken, and it says
   * nothing about the relay.
   */
  endedHeld = false
  /** It had ended before the last mail was written. */
  endedUnused = false
  /** The relay has answered to a mail of ours, so that it is known to work. */
  proved = false
  /** Why we ended it in the middle of a mail; null while it lasts, or when the relay ended it. */
  left: SendTrouble | null = null
  /** When it last became idle, by the pool's clock. */
  idleSince = 0
  readonly #connection: SMTPConnection
  readonly #stages = new SmtpStages()
  /** Of the last mail. */
  #body: LazyBody | null = null
  #dead = false
  #interrupt: ((why: Interrupted, error: NodemailerError | null) => void) | null = null
  /** Restarts the deadline of the exchange. */
  #setDeadline: (() => void) | null = null

  private constructor(server: SmtpServer, deadlineMs: number) {
    this.#connection = new SMTPConnection({
      ...server.options,
      ...this.#stages.options,
      host: server.host,
      port: server.port,
      // Our deadlines come first, because only ours know the stage. Of several addresses each gets its part of this one.
      connectionTimeout: deadlineMs + LATER_MS,
      greetingTimeout: deadlineMs + LATER_MS,
      dnsTimeout: deadlineMs + LATER_MS,
      socketTimeout: NEVER_MS,
      // No reply is longer, and close() must close at once.
      maxResponseSize: 65_536,
      socketCloseTimeout: 0,
    })
    this.#connection.on('error', (error: NodemailerError) => this.#lost(error))
    // On a 421 nodemailer closes first and delivers the reply in the same tick; the reply says more than the close.
    this.#connection.on('end', () => queueMicrotask(() => this.#lost(null)))
  }

  /** Connects, waits for the greeting, starts TLS and logs in. */
  static async open(
    server: SmtpServer,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly connection: SmtpConnection } | { readonly failure: Answer<void>; readonly stage: ConnectStage }> {
    const connection = new SmtpConnection(server, deadlineMs)
    const { credentials } = server
    const smtp = connection.#connection
    const failure = await connection.#exchange<void>({ deadlineMs }, signal, (settle) => {
      smtp.connect((error) => {
        if (error || credentials === null) settle(error ?? null)
        else if (smtp.allowsAuth) smtp.login({ user: credentials.user, pass: credentials.pass }, (no) => settle(no))
        else settle(Object.assign(new Error('no AUTH offered'), { code: 'ENOAUTH' }))
      })
    })
    if (failure.error === null && failure.interrupted === null) return { connection }
    const stage = connection.#stages.opening
    connection.destroy()
    return { failure, stage }
  }

  get dead(): boolean {
    return this.#dead
  }

  /** Sends one mail. With `heldMs` the relay gets the envelope, and the body once {@link letGo} is called: within that time, and `deadlineMs` begins there. */
  async send(envelope: MailEnvelope, bytes: Uint8Array, { heldMs, deadlineMs, signal }: SendOptions): Promise<SendResult> {
    // RFC 6531, 3.1: not without the relay's offer; nodemailer would send the raw bytes. 3.7.1 has the codes of a relay that says so.
    if (!isAscii(envelope.from + envelope.to) && !this.#stages.smtpUtf8) {
      return { is: 'refused', means: 'smtputf8', code: 553, enhanced: '5.6.7', stage: 'MAIL FROM' }
    }
    const body = new LazyBody(bytes, { held: heldMs !== undefined, onFirstRead: () => this.#joinWrites() })
    this.#body = body
    // The connection reports its errors; an error of the stream alone can only be its own destruction.
    body.on('error', () => undefined)
    this.mails += 1
    this.clean = false
    this.endedHeld = false
    const wasDead = this.#dead
    const limits = { deadlineMs, heldMs }
    const answer = await this.#exchange<SMTPConnection.SentMessageInfo>(limits, signal, (settle) => {
      this.#connection.send({ from: envelope.from, to: [envelope.to], size: bytes.length }, body, settle)
    })
    this.endedHeld = answer.value === undefined && !body.exhausted && (answer.interrupted === 'held' || body.isAwaited)
    const result = answer.value === undefined ? this.#refusedOrLost(answer, body) : this.#taken(answer.value, body)
    this.endedUnused = wasDead
    this.endedUnanswered ||= wasDead
    body.destroy()
    return result
  }

  /** Lets the body of the mail in flight go. */
  letGo(): void {
    this.#body?.letGo()
    this.#setDeadline?.()
  }

  /** The relay waits for a body that is held, or did so when it ended. */
  get isAwaited(): boolean {
    return this.#body?.isAwaited === true
  }

  /** The stage of the mail in flight. */
  stage(): SendStage {
    return this.#stages.sending(this.#body?.exhausted ?? false)
  }

  /** Resets the session after the last mail, and proves that the relay still answers. */
  async reset(deadlineMs: number, signal: AbortSignal): Promise<boolean> {
    const { error, interrupted } = await this.#exchange<boolean>({ deadlineMs }, signal, (settle) => this.#connection.reset(settle))
    this.clean = error === null && interrupted === null
    if (this.clean) return true
    // Its loss says nothing about the relay: most end a session that was idle for long.
    this.destroy()
    return false
  }

  /** Sends QUIT and waits for the reply, up to the deadline. */
  async quit(deadlineMs: number): Promise<void> {
    // Ends with the connection, or at the deadline; it has no other answer.
    await this.#exchange<void>({ deadlineMs }, new AbortController().signal, () => this.#connection.quit())
    this.destroy()
  }

  destroy(): void {
    this.#lost(null)
    this.#connection.close()
  }

  #taken({ response, serverMessageId }: SMTPConnection.SentMessageInfo, body: LazyBody): SendResult {
    if (!body.exhausted) {
      // Accepted before its end was sent, which never will be now: the mail was not accepted, and the relay violates the protocol.
      this.destroy()
      return { is: 'not-sent', reason: 'protocol-error' }
    }
    this.proved = true
    this.clean = true
    return { is: 'accepted', code: Number(response.slice(0, 3)), providerId: providerIdOf(response, serverMessageId) }
  }

  #refusedOrLost({ error, interrupted }: Answer<unknown>, body: LazyBody): SendResult {
    const refusal = error === null ? null : refusalOf(error)
    // After the end of the message only the answer to it counts, not a farewell of the connection.
    if (refusal !== null && !(refusal.stage === 'connection' && body.exhausted)) {
      // A relay that answers before it has read all would take the rest of the body for commands.
      if (refusal.stage === 'end of message' && !body.exhausted) this.destroy()
      this.proved ||= refusal.means !== 'busy' && refusal.means !== 'login'
      this.endedUnanswered = refusal.code === 421 && refusal.stage === 'MAIL FROM'
      return refusal
    }
    const stage = this.#stages.sending(body.exhausted)
    const ended = interrupted === 'held' ? 'aborted' : (interrupted ?? 'connection-lost')
    const reason = ended === 'deadline' ? (`timeout-${stage}` as const) : ended
    // A relay that has answered to MAIL FROM works, whatever it thinks about since.
    this.proved ||= ended === 'deadline' && stage !== 'mail'
    if (ended === 'deadline' || ended === 'aborted') this.left = reason
    this.endedUnanswered = reason === 'connection-lost' && stage === 'mail' && !body.exhausted
    this.destroy()
    return { is: body.exhausted ? 'ambiguous' : 'not-sent', reason }
  }

  /** What is written in this turn of the event loop leaves by one system call: most mails, with their final dot. */
  #joinWrites(): void {
    // nodemailer keeps the socket to itself, and STARTTLS replaces it.
    const socket: unknown = Reflect.get(this.#connection, '_socket')
    if (!(socket instanceof Duplex)) return
    socket.cork()
    setImmediate(() => socket.uncork())
  }

  /** Never rejects. An interruption destroys the connection before anything else can be written. */
  async #exchange<Value>(
    { deadlineMs, heldMs }: Limits,
    signal: AbortSignal,
    begin: (settle: Settle<Value>) => void,
  ): Promise<Answer<Value>> {
    if (signal.aborted) return { error: null, interrupted: 'aborted' }
    if (this.#dead) return { error: null, interrupted: 'connection-lost' }
    const { promise, resolve } = Promise.withResolvers<Answer<Value>>()
    const interrupt = (interrupted: Interrupted, error: NodemailerError | null) => resolve({ error, interrupted })
    const within = (ms: number, otherwise: Interrupted) => setTimeout(() => interrupt(otherwise, null), ms)
    let timer = heldMs === undefined ? within(deadlineMs, 'deadline') : within(heldMs, 'held')
    const onAbort = () => interrupt('aborted', null)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#interrupt = interrupt
    this.#setDeadline = () => {
      clearTimeout(timer)
      timer = within(deadlineMs, 'deadline')
    }
    begin((error, value) => resolve({ error: error ?? null, interrupted: null, value }))
    const answer = await promise
    this.#interrupt = null
    this.#setDeadline = null
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    return answer
  }

  #lost(error: NodemailerError | null): void {
    const reason = error?.code === 'EPROTOCOL' ? 'protocol-error' : 'connection-lost'
    this.#interrupt?.(reason, error)
    if (this.#dead) return
    this.#dead = true
    this.onDead()
  }
}

function isAscii(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- all of ASCII is meant
  return /^[\x00-\x7f]*$/.test(text)
}

const LATER_MS = 5_000
/** As long as a timer can be set for: 24 days. */
const NEVER_MS = 2_147_483_647
