import type { Observe } from '../worker/fact.ts'
import { Breaker } from './breaker.ts'
import type { Impression } from './impression.ts'
import type { ChannelName } from './intent.ts'

/** How deliveries of a channel are spread over where they go. */
interface Rules {
  /** Deliveries to one destination at a time. */
  readonly atOnce: number
  /** Failures in a row that open its breaker. */
  readonly failures: number
  /** All goes there: while it is away nothing of the channel is claimed. Null: intents of others go on, and its own are parked. */
  readonly sole: string | null
}

/** The relay's connections have a limit and a gate of their own; what they cannot tell is a relay that takes mails and loses them. */
const rules: Readonly<Partial<Record<ChannelName, Rules>>> = {
  email: { atOnce: Infinity, failures: 5, sole: 'relay' },
  webhook: { atOnce: 2, failures: 3, sole: null },
}

/** Destinations remembered per process; beyond it those that nobody visits are forgotten, the longest known first. */
const MOST_KNOWN = 10_000

interface Known {
  readonly channel: ChannelName
  readonly destination: string
  readonly breaker: Breaker
  inside: number
  /** One delivery is there to find out whether it is back. */
  probing: boolean
}

/** One delivery's stay at its destination. */
export interface Visit {
  /** Ends it, and says how the destination was. A second call does nothing. */
  leave(impression: Impression): Promise<void>
}

/** Why there is no place: `busy` ends with another's visit, `open` not before `retryAfterMs`. */
export type NoPlace = { readonly is: 'busy' } | { readonly is: 'open'; readonly retryAfterMs: number }

/**
 * What this process knows of where deliveries go: per destination how many are there now, and a breaker. An open one lets one
 * delivery in when its pause is over; that one decides. Other processes have their own.
 */
export class Destinations {
  readonly #known = new Map<string, Known>()
  readonly #observe: Observe

  constructor(observe: Observe) {
    this.#observe = observe
  }

  /** The only destination of the channel, or null when each intent has its own. */
  soleOf(channel: ChannelName): string | null {
    return rules[channel]?.sole ?? null
  }

  /** Intents of the channel may be put back for their destination's sake. */
  parks(channel: ChannelName): boolean {
    return rules[channel] !== undefined && rules[channel].sole === null
  }

  /** Deliveries that may go there now, of which `held` are claimed already, inside or on their way. */
  places(channel: ChannelName, destination: string, held = 0): number {
    const atOnce = rules[channel]?.atOnce ?? Infinity
    const known = this.#known.get(keyOf(channel, destination))
    if (known === undefined || known.breaker.closed) return atOnce - Math.max(held, known?.inside ?? 0)
    return known.probing || known.breaker.probeAt > Date.now() ? 0 : 1 - held
  }

  enter(channel: ChannelName, destination: string): Visit | NoPlace {
    const key = keyOf(channel, destination)
    const known = this.#known.get(key) ?? this.#discovered(channel, destination)
    if (!known.breaker.closed) {
      const retryAfterMs = Math.max(0, known.breaker.probeAt - Date.now())
      if (known.probing || retryAfterMs > 0) return { is: 'open', retryAfterMs }
      known.probing = true
      this.#tell(known, 'half-open', null)
    } else if (known.inside >= (rules[channel]?.atOnce ?? Infinity)) return { is: 'busy' }
    const probe = known.probing
    known.inside += 1
    this.#known.delete(key)
    this.#known.set(key, known)
    this.#forget()
    let left = false
    return {
      leave: async (impression) => {
        if (left) return
        left = true
        known.inside -= 1
        // Who set out before the breaker opened tells nothing new of it.
        const counts = probe || known.breaker.closed
        if (counts && impression.is !== 'none') await known.breaker.hear(impression)
        if (probe) known.probing = false
        if (known.inside === 0 && known.breaker.spotless) this.#known.delete(key)
      },
    }
  }

  #discovered(channel: ChannelName, destination: string): Known {
    const breaker = new Breaker(rules[channel]?.failures ?? Infinity, (change, reason) => {
      this.#tell(known, change === 'closed' ? 'closed' : 'open', reason)
      if (channel !== 'email' || change === 'opened again') return
      this.#observe({ is: 'dependency', name: 'relay', state: change === 'closed' ? 'up' : 'down', cause: reason })
    })
    const known: Known = { channel, destination, breaker, inside: 0, probing: false }
    return known
  }

  #tell({ channel, destination, breaker }: Known, state: 'open' | 'half-open' | 'closed', reason: string | null): void {
    const retryInMs = state === 'open' ? Math.max(0, breaker.probeAt - Date.now()) : null
    this.#observe({ is: 'breaker', channel, destination, state, reason, retryInMs })
  }

  #forget(): void {
    if (this.#known.size <= MOST_KNOWN) return
    for (const [key, known] of this.#known) {
      if (known.inside > 0) continue
      this.#known.delete(key)
      if (!known.breaker.closed) this.#tell(known, 'closed', 'forgotten')
      if (this.#known.size <= MOST_KNOWN) return
    }
  }
}

function keyOf(channel: ChannelName, destination: string): string {
  return `${channel} ${destination}`
}
