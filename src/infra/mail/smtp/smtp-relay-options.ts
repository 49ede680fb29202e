import type { SmtpServer } from './smtp-url.ts'

export interface SmtpRelayOptions {
  readonly server: SmtpServer
  readonly maxConnections: number
  /** For one mail, from `send` to the last reply, in milliseconds. */
  readonly sendDeadlineMs: number
  /** How long a mail that was begun may wait for `send`; later its connection is closed, and another carries it. */
  readonly heldMs?: number
  /** For connecting, securing, the greeting and logging in together. */
  readonly connectDeadlineMs?: number
  /** A connection without work is ended after this. Most relays do so themselves after minutes. */
  readonly idleMs?: number
  /** A connection that was idle for longer must answer before it is used. */
  readonly probeAfterMs?: number
  readonly maxMailsPerConnection?: number
  /** Bounds of the pause between failed connections, in milliseconds. */
  readonly reconnect?: { readonly baseMs: number; readonly maxMs: number }
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number
  readonly random?: () => number
}

/** Defaults of the options. */
export const defaults = {
  connectDeadlineMs: 15_000,
  // Less than relays wait for a body: Postfix under stress 10 s (smtpd_timeout).
  heldMs: 5_000,
  idleMs: 30_000,
  probeAfterMs: 1_000,
  maxMailsPerConnection: 500,
  reconnect: { baseMs: 250, maxMs: 30_000 },
  now: () => performance.now(),
  random: Math.random,
}
