import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Clock } from '../../std/clock.ts'
import { Postponed } from '../channel.ts'

export interface MailRateOptions {
  /** Mails that this process sends to the relay; undefined: no limit. */
  readonly perSecond?: number | undefined
  /** Of them to any one domain of recipients. */
  readonly perDomainPerSecond?: number | undefined
  readonly clock: Clock
  /** From 0 to 1. */
  readonly random?: () => number
}

export interface MailRates {
  /**
   * Resolves when a mail to this domain may go, after a short wait for the relay's turn at most. Null: no domain that is known.
   *
   * @throws {Postponed} it is not this mail's turn yet; `afterMs` spreads what was put off together over the time that it takes.
   */
  take(domain: string | null, signal: AbortSignal): Promise<void>
}

/** A worker waits so long for the relay's turn: mails that are due stay due then, and press back. A stop waits as long. */
const LONGEST_WAIT_MS = 2_000
/** And a mail so long between two looks at its turn, however long the line: one that nobody put in a line must not wait for its end. */
const LONGEST_TURN_MS = 60_000
/** The relay's rate is kept over parts of a second: what a whole one allows would otherwise go out at once at its beginning. */
const RELAY_WINDOWS_PER_SECOND = 20
/** A domain's over whole ones: mails come back for their turns in bunches, as often as workers look for what is due. */
const DOMAIN_WINDOWS_PER_SECOND = 1

/** How fast mails may go, in all and to one domain. Held in memory: each process has its own share of what the relay takes. */
export function createMailRates({ perSecond, perDomainPerSecond, clock, random = Math.random }: MailRateOptions): MailRates {
  const all = perSecond === undefined ? null : createLimiter(perSecond, RELAY_WINDOWS_PER_SECOND)
  const domains = perDomainPerSecond === undefined ? null : createLimiter(perDomainPerSecond, DOMAIN_WINDOWS_PER_SECOND)
  const turns = new Turns(1_000 / (perDomainPerSecond ?? 1), clock, random)
  return {
    async take(domain, signal) {
      if (domains !== null && domain !== null) {
        const waitMs = await refused(domains, domain)
        if (waitMs !== null) throw new Postponed('domain-rate', turns.next(domain, waitMs))
      }
      if (all === null) return
      const until = clock.monotonic() + LONGEST_WAIT_MS
      for (;;) {
        const waitMs = await refused(all, 'all')
        if (waitMs === null) return
        if (signal.aborted || clock.monotonic() + waitMs > until) {
          // Its share of the domain's rate goes to another mail.
          if (domain !== null) await domains?.reward(domain)
          throw new Postponed('relay-rate', waitMs + random() * LONGEST_WAIT_MS)
        }
        await clock.sleep(waitMs, signal)
      }
    },
  }
}

function createLimiter(perSecond: number, windows: number): RateLimiterMemory {
  const points = Math.max(1, Math.ceil(perSecond / windows))
  return new RateLimiterMemory({ points, duration: points / perSecond })
}

/** Null when the mail may go; otherwise the milliseconds until one may. */
async function refused(limiter: RateLimiterMemory, key: string): Promise<number | null> {
  try {
    await limiter.consume(key)
    return null
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext))
    throw refusal
  }
}

/** Spreads the mails of one domain that were postponed together. */
class Turns {
  readonly #last = new Map<string, number>()
  readonly #everyMs: number
  readonly #clock: Clock
  readonly #random: () => number

  constructor(everyMs: number, clock: Clock, random: () => number) {
    this.#everyMs = everyMs
    this.#clock = clock
    this.#random = random
  }

  /** In milliseconds from now, not before `earliestMs`. */
  next(domain: string, earliestMs: number): number {
    const now = this.#clock.monotonic()
    const turn = Math.max(now + earliestMs, (this.#last.get(domain) ?? 0) + this.#everyMs)
    // The queue of the domain is longer than that: the mail tries again within it and reserves no slot.
    if (turn - now > LONGEST_TURN_MS) return LONGEST_TURN_MS * (0.5 + this.#random() / 2)
    if (this.#last.size >= 1_000) this.#forget(now)
    this.#last.set(domain, turn)
    return turn - now
  }

  #forget(now: number): void {
    for (const [domain, turn] of this.#last) if (turn <= now) this.#last.delete(domain)
  }
}
