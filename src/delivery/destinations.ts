import { FailureGate } from '../std/failure-gate.ts'
import type { Observe } from '../model/fact.ts'
import type { ChannelDefinitions, DestinationRules } from './define-channel.ts'
import { Bulkhead, PaceMeter, type Pace } from './bulkhead.ts'
import type { OutcomeSignal } from './outcome-signal.ts'
import type { ChannelName } from '../model/messages.ts'

/** Pauses of a breaker for a destination that names none. Milliseconds. */
const pause = { baseMs: 5_000, maxMs: 300_000 }
/** Bounds of the pause that a destination requests. Milliseconds. */
const requestedPause = { shortestMs: 100, longestMs: 3_600_000 }

/** How long a delivery may be expected to wait in the process for a permit of its destination. Milliseconds. */
const WAIT_MS = 250

/** Destinations remembered per process; beyond that, idle ones are forgotten, the longest unused first. */
const MOST_KNOWN = 10_000

interface Known {
  readonly channel: ChannelName
  readonly destination: string
  readonly breaker: FailureGate<string>
  readonly pace: PaceMeter
  /** The group of each delivery in flight. */
  readonly inFlight: { readonly group: string }[]
  /** When it last worked, by the monotonic clock. */
  workedAt: number
  /** A probe is in flight. */
  probing: boolean
}

/** The right of one delivery to use its destination. */
export interface Permit {
  /** The delivery starts now: the response time of the destination is measured from here. */
  begin(): void
  /** Gives the permit back with what the delivery says of the destination. A second call does nothing. */
  release(outcomeSignal: OutcomeSignal): void
}

/**
 * Why there is no permit: `busy` ends when a permit of this or another slow destination is released, `open` not before `retryAfterMs`.
 * `mayWait`: as many deliveries as the destination is expected to answer within {@link WAIT_MS}; none unless it is known to be quick.
 */
export type NoPermit = { readonly is: 'busy'; readonly mayWait: number } | { readonly is: 'open'; readonly retryAfterMs: number }

/**
 * The destinations of deliveries as this process knows them: per destination the deliveries in flight, how fast it answers, and a breaker.
 * When the pause of an open breaker is over, one delivery is let through as a probe and decides. Other processes have their own.
 */
export class Destinations {
  readonly #known = new Map<string, Known>()
  /** Those with a delivery in flight. */
  readonly #inUse = new Set<Known>()
  readonly #workers = new Map<string, number>()
  readonly #observe: Observe
  readonly #channels: ChannelDefinitions
  readonly #arrived: (channel: ChannelName, destination: string) => void
  readonly #now: () => number

  /** @param of `now`: milliseconds of a monotonic clock; `arrived` is called for each delivery whose destination worked. */
  constructor(
    observe: Observe,
    of: { channels: ChannelDefinitions; now?: () => number; arrived?: (channel: ChannelName, destination: string) => void },
  ) {
    this.#observe = observe
    this.#channels = of.channels
    this.#arrived = of.arrived ?? (() => {})
    this.#now = of.now ?? (() => performance.now())
  }

  /** Sets how many workers of the group the channel may use; slow destinations get half of them, those not known to be quick three quarters. */
  limit(group: string, channel: ChannelName, workers: number): void {
    this.#workers.set(keyOf(channel, group), workers)
  }

  /** The capacity that the group's deliveries in flight leave; null where there is no limit. */
  bulkhead(group: string, channel: ChannelName): Bulkhead | null {
    const workers = this.#workers.get(keyOf(channel, group))
    if (workers === undefined) return null
    const bulkhead = new Bulkhead(workers)
    const now = this.#now()
    for (const known of this.#inUse) {
      if (known.channel !== channel) continue
      bulkhead.take(known.pace.at(now), known.inFlight.filter((permit) => permit.group === group).length)
    }
    return bulkhead
  }

  paceOf(channel: ChannelName, destination: string): Pace {
    return this.#known.get(keyOf(channel, destination))?.pace.at(this.#now()) ?? 'unproven'
  }

  /** Deliveries of the channel go to destinations; otherwise its effect is the database. */
  sends(channel: ChannelName): boolean {
    return this.#rules(channel) !== null
  }

  /** The only destination of the channel, or null when each intent has its own. */
  soleOf(channel: ChannelName): string | null {
    return this.#rules(channel)?.sole ?? null
  }

  /** Executions of the channel write intents of other channels, which are due at once. */
  writesIntents(channel: ChannelName): boolean {
    const definition = this.#channels[channel]
    return definition.destinations === null && definition.writesIntents
  }

  /** Whether intents of the channel are deferred while their destination has no permit. */
  defers(channel: ChannelName): boolean {
    return this.#rules(channel)?.sole === null
  }

  /** How many more deliveries may be claimed for the destination, of which `claimed` are already, in flight or waiting. */
  permits(channel: ChannelName, destination: string, claimed = 0): number {
    const known = this.#known.get(keyOf(channel, destination))
    const atOnce = this.#atOnceOf(channel, this.paceOf(channel, destination))
    if (known === undefined || !known.breaker.tripped) return atOnce - Math.max(claimed, known?.inFlight.length ?? 0)
    return known.probing || known.breaker.retryAfterMs > 0 ? 0 : 1 - claimed
  }

  acquire(channel: ChannelName, destination: string, group: string): Permit | NoPermit {
    const key = keyOf(channel, destination)
    const known = this.#known.get(key) ?? this.#discovered(channel, destination)
    const pace = known.pace.at(this.#now())
    const isFull = this.bulkhead(group, channel)?.room(pace) === 0
    const mayWait = this.#mayWait(known, pace)
    if (known.breaker.tripped) {
      const { retryAfterMs } = known.breaker
      if (known.probing || retryAfterMs > 0) return { is: 'open', retryAfterMs }
      if (isFull) return { is: 'busy', mayWait }
      known.probing = true
      this.#report(known, 'half-open', null)
    } else if (isFull || this.#isFull(known, pace)) return { is: 'busy', mayWait }
    const probe = known.probing
    const permit = { group }
    known.inFlight.push(permit)
    this.#inUse.add(known)
    const acquiredAt = this.#now()
    this.#known.delete(key)
    this.#known.set(key, known)
    this.#forget()
    let answered: ((at: number) => void) | null = null
    let isReleased = false
    return {
      begin: () => {
        answered = known.pace.begin(this.#now())
      },
      release: (outcomeSignal) => {
        if (isReleased) return
        isReleased = true
        answered?.(this.#now())
        if (answered !== null) known.pace.held(this.#now() - acquiredAt)
        known.inFlight.splice(known.inFlight.indexOf(permit), 1)
        if (known.inFlight.length === 0) this.#inUse.delete(known)
        if (outcomeSignal.is === 'ok') {
          known.workedAt = this.#now()
          this.#arrived(channel, destination)
        }
        // A delivery that began before the breaker opened says nothing new about it; nor does one recipient's failure beside others' success.
        const alone = outcomeSignal.is === 'failure' && outcomeSignal.ofOne === true && known.workedAt > acquiredAt
        const counts = probe || (!known.breaker.tripped && !alone)
        if (counts) this.#count(known, outcomeSignal)
        if (probe) known.probing = false
      },
    }
  }

  /** The destination is quick and has no permit beside the `claimed` deliveries: one is released soon. */
  isFull(channel: ChannelName, destination: string, claimed: number): boolean {
    const known = this.#known.get(keyOf(channel, destination))
    if (known === undefined || known.breaker.tripped || known.pace.at(this.#now()) !== 'quick') return false
    return this.permits(channel, destination, claimed) <= 0
  }

  /** How many deliveries may wait for a permit of the destination; see {@link NoPermit}. */
  mayWait(channel: ChannelName, destination: string): number {
    const known = this.#known.get(keyOf(channel, destination))
    return known === undefined || known.breaker.tripped ? 0 : this.#mayWait(known, known.pace.at(this.#now()))
  }

  #mayWait({ channel, pace }: Known, of: Pace): number {
    return of === 'quick' ? pace.answersIn(WAIT_MS, this.#atOnceOf(channel, of)) : 0
  }

  #isFull({ channel, inFlight }: Known, pace: Pace): boolean {
    return inFlight.length >= this.#atOnceOf(channel, pace)
  }

  #rules(channel: ChannelName): DestinationRules | null {
    return this.#channels[channel].destinations
  }

  #atOnceOf(channel: ChannelName, pace: Pace): number {
    const atOnce = this.#rules(channel)?.atOnce ?? Infinity
    return pace === 'unproven' && Number.isFinite(atOnce) ? 1 : atOnce
  }

  #discovered(channel: ChannelName, destination: string): Known {
    const breaker = new FailureGate<string>({ ...pause, threshold: this.#rules(channel)?.failures ?? Infinity, now: this.#now })
    return { channel, destination, breaker, pace: new PaceMeter(), inFlight: [], workedAt: -Infinity, probing: false }
  }

  /** Counts what a delivery says about its destination. */
  #count(known: Known, outcomeSignal: OutcomeSignal): void {
    if (outcomeSignal.is === 'none') return
    if (outcomeSignal.is === 'ok') {
      if (known.breaker.succeeded()) this.#changed(known, 'closed', null, true)
      return
    }
    const { reason } = outcomeSignal
    const counted = known.breaker.failed(reason, outcomeSignal.is === 'throttled' ? { pauseMs: pauseOf(outcomeSignal.forMs) } : {})
    if (counted === 'tripped' || counted === 'tripped again') this.#changed(known, 'open', reason, counted === 'tripped')
  }

  /** @param first the breaker was in the other state before. */
  #changed(known: Known, state: 'open' | 'closed', reason: string | null, first: boolean): void {
    this.#report(known, state, reason)
    const sole = this.soleOf(known.channel)
    if (sole === null || !first) return
    this.#observe({ is: 'dependency', name: sole, state: state === 'closed' ? 'up' : 'down', cause: reason })
  }

  #report({ channel, destination, breaker }: Known, state: 'open' | 'half-open' | 'closed', reason: string | null): void {
    const retryInMs = state === 'open' ? breaker.retryAfterMs : null
    this.#observe({ is: 'breaker', channel, destination, state, reason, retryInMs })
  }

  /** Forgets the longest idle destination without failures, or else the longest idle one. */
  #forget(): void {
    if (this.#known.size <= MOST_KNOWN) return
    let oldest: readonly [string, Known] | null = null
    for (const [key, known] of this.#known) {
      if (known.inFlight.length > 0) continue
      oldest ??= [key, known]
      if (known.breaker.failures === 0) {
        oldest = [key, known]
        break
      }
    }
    if (oldest === null) return
    const [key, known] = oldest
    this.#known.delete(key)
    if (known.breaker.tripped) this.#report(known, 'closed', 'forgotten')
  }
}

function pauseOf(forMs: number | null): number | null {
  return forMs === null ? null : Math.min(requestedPause.longestMs, Math.max(requestedPause.shortestMs, forMs))
}

function keyOf(channel: ChannelName, destination: string): string {
  return `${channel} ${destination}`
}
