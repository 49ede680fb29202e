import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Clock } from '../../std/clock.ts'
import { Postponed } from '../channel.ts'

export interface MailRateOptions {
  /** Mails that this process sends to the relay; undefined: no limit. */
  readonly perSecond?: number | undefined
  /** The same for each domain of recipients. */
  readonly perDomainPerSecond?: number | undefined
  readonly clock: Clock
  /** From 0 to 1. */
  readonly random?: () => number
}

export interface MailRates {
  /**
   * Resolves when a mail to this domain may be sent, after at most a short wait for the relay's rate. Null: the domain is unknown.
   *
   * @throws {Postponed} the rate of the domain is used up; `afterMs` spreads the mails that were postponed together.
   */
  take(domain: string | null, signal: AbortSignal): Promise<void>
}

/** The longest that a worker waits for the relay's rate; after that the mail stays due, which causes backpressure. A stop waits as long. */
const LONGEST_WAIT_MS = 2_000
/** The longest that a mail is postponed at a time, however long the queue of its domain. */
const LONGEST_TURN_MS = 60_000
/** The relay's rate is kept over fractions of a second; over a whole one, all of its mails would be sent at its beginning. */
const RELAY_WINDOWS_PER_SECOND = 20
/** The rate of a domain is kept over whole seconds: postponed mails come due in batches, as often as workers poll. */
const DOMAIN_WINDOWS_PER_SECOND = 1

/** Rate limits for mails, in all and per domain. In memory: each process has its own share of the relay's rate. */
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
          // The part of the domain's rate that it took is returned to others.
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

/** Null when the mail may be sent; otherwise the milliseconds until one may. */
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
