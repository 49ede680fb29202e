import type { Clock } from '../std/clock.ts'
import type { Destinations } from './destinations.ts'
import type { LocalQueue } from './local-queue.ts'
import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { ClaimRequest, IntentStore } from './intent-store.ts'

/** How often the database is searched for intents that other processes deferred, or this one before it restarted. Milliseconds. */
const SEARCH_MS = 10_000
/** Destinations per search, and per claim. */
const PER_SEARCH = 1_000
const PER_CLAIM = 50

type Wanted = ClaimRequest['deferred']

export interface DeferredOf {
  readonly group: string
  readonly channel: ChannelName
  readonly store: Pick<IntentStore, 'deferredDestinations'>
  readonly destinations: Destinations
  readonly queue: LocalQueue
  readonly clock: Pick<Clock, 'monotonic'>
  /** Deliveries to the destination are paused: nothing is claimed for it. */
  readonly isPaused: (destination: string) => boolean
}

interface Known {
  readonly first: number
  readonly last: number
}

/** The destinations of one channel of a group that have deferred intents, as far as this process knows; periodic searches find the others. */
export class DeferredIntents {
  /** The count at which each was first and last added: a claim removes none that was added while it ran. */
  readonly #known = new Map<string, Known>()
  readonly #on: DeferredOf
  #count = 0
  #newestFirst = true
  #searchAt = -Infinity
  #after = ''

  constructor(on: DeferredOf) {
    this.#on = on
  }

  get some(): boolean {
    return this.#known.size > 0
  }

  /** The next claim searches the database for others. */
  get isSearchDue(): boolean {
    return this.#on.clock.monotonic() >= this.#searchAt
  }

  /** Intents are deferred for the destination, as far as this process knows. */
  has(destination: string): boolean {
    return this.#known.has(destination)
  }

  add(destination: string): void {
    const last = ++this.#count
    const first = this.#known.get(destination)?.first ?? last
    this.#known.delete(destination)
    this.#known.set(destination, { first, last })
  }

  /**
   * The destinations that a claim may take from now: those with free permits, the least recently claimed first. Slow ones, and those not known
   * to be quick, get no more permits than the bulkhead leaves. Where those are scarce, the destinations that have not answered yet go first: each
   * waits until those before it have answered once, and every other claim includes the newest, so that it need not wait for a hundred others.
   */
  async wanted(): Promise<{ readonly wanted: Wanted; readonly at: number }> {
    await this.#search()
    const { group, channel, destinations, queue, isPaused } = this.#on
    const bulkhead = destinations.bulkhead(group, channel)
    for (const destination of queue.waitingFor(channel)) bulkhead?.take(destinations.paceOf(channel, destination))
    const newest = this.#newestFirst ? this.#newest() : []
    let isUnproven = false
    const wanted = new Map<string, Wanted[number]>()
    for (const destination of [...newest, ...this.#unproven(), ...this.#known.keys()]) {
      if (wanted.size >= PER_CLAIM) break
      if (wanted.has(destination) || isPaused(destination)) continue
      const pace = destinations.paceOf(channel, destination)
      const bound = queue.boundFor(channel, destination)
      // Those that are more than it has permits take the places in line, before newer ones.
      const free = Math.max(
        destinations.permits(channel, destination, bound),
        queue.placesFor(channel, destination, destinations.mayWait(channel, destination)),
      )
      const permits = Math.min(free, bulkhead?.room(pace) ?? Infinity)
      if (permits <= 0) continue
      bulkhead?.take(pace, permits)
      isUnproven ||= pace === 'unproven'
      wanted.set(destination, { destination, permits })
    }
    if (isUnproven) this.#newestFirst = !this.#newestFirst
    return { wanted: [...wanted.values()], at: this.#count }
  }

  /** Removes what a claim has exhausted. `all`: the claim had room for more and passed over no campaign or account. */
  claimed({ wanted, at }: Awaited<ReturnType<DeferredIntents['wanted']>>, intents: readonly Intent[], all: boolean): void {
    const again: { readonly destination: string; readonly known: Known; readonly taken: number }[] = []
    for (const { destination, permits } of wanted) {
      const known = this.#known.get(destination)
      if (known === undefined || known.last > at) continue
      this.#known.delete(destination)
      const taken = intents.filter((intent) => intent.destination === destination).length
      if (!all || taken >= permits) again.push({ destination, known, taken })
    }
    // Claimed again after the others, those last of which it took any.
    again.sort((a, b) => Number(a.taken > 0) - Number(b.taken > 0))
    for (const { destination, known } of again) this.#known.set(destination, known)
  }

  #unproven(): readonly string[] {
    const { channel, destinations } = this.#on
    return [...this.#known.keys()].filter((destination) => destinations.paceOf(channel, destination) === 'unproven')
  }

  /** Of those that have not answered yet and have a free permit, the one that was added most recently. */
  #newest(): readonly string[] {
    const { channel, destinations, queue } = this.#on
    let newest: string | null = null
    let at = -1
    for (const [destination, { first }] of this.#known) {
      if (first < at || destinations.paceOf(channel, destination) !== 'unproven') continue
      if (destinations.permits(channel, destination, queue.boundFor(channel, destination)) <= 0) continue
      newest = destination
      at = first
    }
    return newest === null ? [] : [newest]
  }

  async #search(): Promise<void> {
    const { group, channel, store, clock } = this.#on
    if (!this.isSearchDue) return
    this.#searchAt = clock.monotonic() + SEARCH_MS
    const found = await store.deferredDestinations(group, channel, this.#after, PER_SEARCH)
    this.#after = found.length < PER_SEARCH ? '' : (found.at(-1) ?? '')
    for (const destination of found) if (!this.#known.has(destination)) this.add(destination)
  }
}
