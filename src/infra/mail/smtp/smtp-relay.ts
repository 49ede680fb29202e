import type { MailRelay, RelayAway, RelaySession, RelayStats, SendResult } from '../../../delivery/email/mail-relay.ts'
import { RelayUnavailable } from '../../../delivery/email/mail-relay.ts'
import { FailureGate } from '../../../std/failure-gate.ts'
import type { Trouble } from './relay-trouble.ts'
import { credentialsRefused, silentAt, troubleOf } from './relay-trouble.ts'
import { SmtpConnection } from './smtp-connection.ts'
import { defaults, type SmtpRelayOptions } from './smtp-relay-options.ts'
import { createSmtpSession, type SessionPool } from './smtp-session.ts'

interface Waiter {
  readonly resolve: (connection: SmtpConnection) => void
  readonly reject: (error: RelayUnavailable) => void
}

/**
 * A pool of SMTP connections. A connection is connecting, then idle, in use and idle again, until it is closed; after a mail that was not
 * accepted it is refreshing (RSET under way, overlapped with the recording of the outcome) before it is idle. While connecting fails, one
 * connection at a time is tried with exponential backoff; a connection that was opened but answered to no mail counts as a failure too, so that a relay that accepts and
 * drops connections is not hammered.
 */
export class SmtpRelay implements MailRelay {
  readonly host: string
  readonly #options: Required<SmtpRelayOptions>
  /** Reset when a connection judges a mail: connecting alone proves nothing about a relay that takes connections and drops them. */
  readonly #gate: FailureGate<Trouble>
  /** Since when no mail was sent, by the clock of `now`; null when the relay is not known to be unavailable. */
  #awaySince: number | null = null
  /** The last failure happened before a connection was established. */
  #failedToOpen = false
  /** How many connections had been opened when the last failure was one to open another; 0 after any other. */
  #openedBeforeFailure = 0
  readonly #closing = new AbortController()
  /** Connections being opened, and QUITs in flight; close waits for them. */
  readonly #pending = new Set<Promise<void>>()
  readonly #inUse = new Set<SmtpConnection>()
  readonly #refreshing = new Set<SmtpConnection>()
  #connecting = 0
  #idle: SmtpConnection[] = []
  #waiters: Waiter[] = []
  #opened = 0
  #idleTimer: NodeJS.Timeout | null = null
  #closed: Promise<void> | null = null
  readonly #pool: SessionPool = {
    inPlaceOf: (connection, signal) => this.#inPlaceOf(connection, signal),
    learn: (connection, result) => this.#learn(connection, result),
    release: (connection) => this.#release(connection),
  }

  constructor(options: SmtpRelayOptions) {
    this.#options = { ...defaults, ...options }
    const { reconnect, now, random, server } = this.#options
    this.host = `${server.host}:${server.port}`
    this.#gate = new FailureGate({ ...reconnect, now, random })
  }

  async acquire(signal: AbortSignal): Promise<RelaySession> {
    return createSmtpSession(await this.#connectionFor(signal), this.#pool, this.#options)
  }

  async #connectionFor(signal: AbortSignal): Promise<SmtpConnection> {
    if (signal.aborted) throw aborted()
    const { promise, resolve, reject } = Promise.withResolvers<SmtpConnection>()
    const waiter = { resolve, reject }
    const onAbort = () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter)
      reject(aborted())
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiters.push(waiter)
    this.#pump()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async verify(signal: AbortSignal): Promise<void> {
    const session = await this.acquire(signal)
    session.release()
  }

  stats(): RelayStats {
    return {
      connecting: this.#connecting,
      inUse: this.#inUse.size,
      idle: this.#idle.length + this.#refreshing.size,
      waiting: this.#waiters.length,
      opened: this.#opened,
      failures: this.#gate.failures,
    }
  }

  away(): RelayAway | null {
    const { cause } = this.#gate
    return cause === null || this.#awaySince === null ? null : { ...cause, forMs: this.#options.now() - this.#awaySince }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    this.#refuseWaiters()
    if (this.#idleTimer) clearTimeout(this.#idleTimer)
    for (const connection of [...this.#inUse, ...this.#refreshing]) {
      connection.left = 'aborted'
      connection.destroy()
    }
    for (const connection of this.#idle.splice(0)) this.#quit(connection)
    await Promise.all(this.#pending)
  }

  /** Serves waiters with idle connections, and opens as many connections as are missing and allowed. */
  #pump(): void {
    if (this.#closing.signal.aborted) this.#refuseWaiters()
    while (this.#waiters.length > 0) {
      const connection = this.#idle.pop()
      if (connection === undefined) break
      // A connection that was idle for long is refreshed first; the waiter stays in the queue.
      if (this.#options.now() - connection.idleSince > this.#options.probeAfterMs) this.#refresh(connection)
      else this.#handOut(connection)
    }
    while (this.#waiters.length > this.#connecting + this.#refreshing.size && this.#mayConnect()) this.#connect()
    const hope = this.#connecting + this.#refreshing.size + this.#inUse.size
    if (hope === 0) this.#refuseWaiters()
  }

  #mayConnect(): boolean {
    if (this.#connecting + this.#inUse.size + this.#refreshing.size + this.#idle.length >= this.#options.maxConnections) return false
    return !this.#gate.tripped || (this.#connecting === 0 && this.#gate.retryAfterMs === 0)
  }

  #connect(): void {
    const { server, connectDeadlineMs, now } = this.#options
    const startedAt = now()
    this.#connecting += 1
    const opening = SmtpConnection.open(server, connectDeadlineMs, this.#closing.signal)
    this.#follow(
      opening.then((opened) => {
        this.#connecting -= 1
        if ('failure' in opened) {
          this.#failed(troubleOf(opened.failure, opened.stage, server), { startedAt, toOpen: true })
          this.#pump()
        } else {
          this.#opened += 1
          opened.connection.number = this.#opened
          // Connecting works again, although this connection has not answered to a mail yet.
          if (this.#failedToOpen) this.#awaySince = null
          opened.connection.onDead = () => this.#buried(opened.connection)
          this.#rest(opened.connection)
        }
      }),
    )
  }

  #handOut(connection: SmtpConnection): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) return
    this.#inUse.add(connection)
    waiter.resolve(connection)
  }

  /**
   * Relays end a connection after some mails, or seconds, silently or with 421. The next mail notices it, and the relay has taken nothing of
   * that mail: another connection carries it. Null when there is none.
   */
  async #inPlaceOf(connection: SmtpConnection, signal: AbortSignal): Promise<SmtpConnection | null> {
    connection.destroy()
    try {
      return await this.#connectionFor(signal)
    } catch (error) {
      if (error instanceof RelayUnavailable) return null
      throw error
    }
  }

  #learn(connection: SmtpConnection, result: SendResult): void {
    if (result.is === 'refused' && (result.means === 'busy' || result.means === 'login')) {
      const { server } = this.#options
      const code = [result.code, result.enhanced].filter(Boolean).join(' ')
      const sentence = `The SMTP relay at ${server.host}:${server.port} defers our mail (${code}); its own log says why`
      this.#failed(result.means === 'login' ? credentialsRefused(server, code) : { reason: 'relay-refuses-us', sentence })
      connection.destroy()
    } else if (connection.proved) {
      this.#awaySince = null
      // A relay may have no more connections for us: that the older ones work does not say that another would open.
      if (connection.number > this.#openedBeforeFailure) this.#gate.succeeded()
    }
  }

  #release(connection: SmtpConnection): void {
    if (!this.#inUse.delete(connection) || connection.dead) return
    if (connection.mails >= this.#options.maxMailsPerConnection) this.#quit(connection)
    else if (!connection.clean) this.#refresh(connection)
    else this.#rest(connection)
    this.#pump()
  }

  #refresh(connection: SmtpConnection): void {
    this.#refreshing.add(connection)
    const reset = connection.reset(Math.min(resetDeadlineMs, this.#options.sendDeadlineMs), this.#closing.signal)
    this.#follow(reset.then((alive) => void (alive && this.#refreshing.delete(connection) && this.#rest(connection))))
  }

  #rest(connection: SmtpConnection): void {
    if (this.#closing.signal.aborted) {
      this.#quit(connection)
      return
    }
    connection.idleSince = this.#options.now()
    this.#idle.push(connection)
    this.#pump()
    this.#idleTimer ??= setTimeout(() => this.#sweep(), this.#options.idleMs).unref()
  }

  #sweep(): void {
    this.#idleTimer = null
    const before = this.#options.now() - this.#options.idleMs
    const old = this.#idle.filter((connection) => connection.idleSince <= before)
    this.#idle = this.#idle.filter((connection) => !old.includes(connection))
    for (const connection of old) this.#quit(connection)
    if (this.#idle.length > 0) this.#idleTimer = setTimeout(() => this.#sweep(), this.#options.idleMs).unref()
  }

  #quit(connection: SmtpConnection): void {
    connection.onDead = () => undefined
    this.#follow(connection.quit(quitDeadlineMs))
  }

  /** A connection was closed, by either side. */
  #buried(connection: SmtpConnection): void {
    this.#inUse.delete(connection)
    this.#refreshing.delete(connection)
    this.#idle = this.#idle.filter((other) => other !== connection)
    if (!connection.proved && connection.mails > 0 && !connection.isAwaited) this.#unproved(connection)
    this.#pump()
  }

  /** A connection ended without an answer to a mail. When we aborted it ourselves, that says nothing about the relay. */
  #unproved({ left, idleSince }: SmtpConnection): void {
    if (left === 'aborted') return
    const { host, port } = this.#options.server
    const sentence = `The SMTP relay at ${host}:${port} closes connections before it has accepted a mail; its own log says why`
    const trouble: Trouble = left === null ? { reason: 'relay-refuses-us', sentence } : silentAt('mail', this.#options.server)
    this.#failed(trouble, { startedAt: idleSince })
  }

  #failed(trouble: Trouble, of: { startedAt?: number; toOpen?: boolean } = {}): void {
    if (this.#gate.failed(trouble, of) === 'ignored') return
    this.#awaySince ??= this.#options.now()
    this.#failedToOpen = of.toOpen === true
    this.#openedBeforeFailure = this.#failedToOpen ? this.#opened : 0
  }

  #refuseWaiters(): void {
    const { reason, sentence } = this.#closing.signal.aborted ? closedTrouble : (this.#gate.cause ?? closedTrouble)
    const afterMs = this.#gate.retryAfterMs
    for (const { reject } of this.#waiters.splice(0)) reject(new RelayUnavailable(reason, sentence, afterMs))
  }

  #follow(work: Promise<void>): void {
    const followed = work.finally(() => this.#pending.delete(followed))
    this.#pending.add(followed)
  }
}

const resetDeadlineMs = 10_000
const quitDeadlineMs = 1_000
const closedTrouble: Trouble = { reason: 'relay-closed', sentence: 'The mail path is closed: this process is stopping' }

function aborted(): RelayUnavailable {
  return new RelayUnavailable('aborted', 'The wait for a connection to the SMTP relay was given up', 0)
}
