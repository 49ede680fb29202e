import type { Clock } from '../std/clock.ts'
import type { Destinations } from './destinations.ts'
import type { LocalQueue } from './local-queue.ts'
import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { ClaimRequest, IntentStore } from './intent-store.ts'

/** How often the database is asked for what others have parked, or this process before it was started anew. Milliseconds. */
const LOOK_MS = 10_000
/** Destinations that one look finds, and that one claim asks for. */
const PER_LOOK = 1_000
const PER_CLAIM = 50

type Asked = ClaimRequest['parked']

export interface ParkedOf {
  readonly group: string
  readonly channel: ChannelName
  readonly store: Pick<IntentStore, 'parkedDestinations'>
  readonly destinations: Destinations
  readonly held: LocalQueue
  readonly clock: Pick<Clock, 'monotonic'>
}

/** For which destinations of one channel of a group there are parked intents, as far as this process knows; it forgets none for good. */
export class ParkedIntents {
  /** When each was first and last told of, by a count: who claims forgets nothing that was told meanwhile. */
  readonly #told = new Map<string, { readonly first: number; readonly last: number }>()
  readonly #on: ParkedOf
  #count = 0
  #newestFirst = true
  #lookAt = -Infinity
  #after = ''

  constructor(on: ParkedOf) {
    this.#on = on
  }

  get some(): boolean {
    return this.#told.size > 0
  }

  tell(destination: string): void {
    const last = ++this.#count
    const first = this.#told.get(destination)?.first ?? last
    this.#told.delete(destination)
    this.#told.set(destination, { first, last })
  }

  /**
   * What a claim may take now: of destinations with places, those first that were not asked for longest. No more of slow ones, and
   * of those not known to be quick, than the group's workers have room for. Where that room is scarce, every other time goes to the
   * newest that has not answered yet: it need not wait until each of a hundred slow ones has had its turn.
   */
  async ask(): Promise<{ readonly asked: Asked; readonly at: number }> {
    await this.#look()
    const { group, channel, destinations, held } = this.#on
    const bulkhead = destinations.bulkhead(group, channel)
    for (const destination of held.waitingFor(channel)) bulkhead?.take(destinations.paceOf(channel, destination))
    const newest = this.#newestFirst ? this.#newest() : []
    let isUnproven = false
    const asked = new Map<string, Asked[number]>()
    for (const destination of [...newest, ...this.#told.keys()]) {
      if (asked.size >= PER_CLAIM) break
      if (asked.has(destination)) continue
      const pace = destinations.paceOf(channel, destination)
      const free = destinations.permits(channel, destination, held.boundFor(channel, destination))
      const places = Math.min(free, bulkhead?.room(pace) ?? Infinity)
      if (places <= 0) continue
      bulkhead?.take(pace, places)
      isUnproven ||= pace === 'unproven'
      asked.set(destination, { destination, places })
    }
    if (isUnproven) this.#newestFirst = !this.#newestFirst
    return { asked: [...asked.values()], at: this.#count }
  }

  /** A claim that had room for more and passed nobody over has taken all that there were. */
  took({ asked, at }: Awaited<ReturnType<ParkedIntents['ask']>>, intents: readonly Intent[], all: boolean): void {
    for (const { destination, places } of asked) {
      const told = this.#told.get(destination)
      if (told === undefined || told.last > at) continue
      this.#told.delete(destination)
      const taken = intents.filter((intent) => intent.destination === destination).length
      // Asked again after the others.
      if (!all || taken >= places) this.#told.set(destination, told)
    }
  }

  /** Of those that have not answered yet and have a place, the one told of first most lately. */
  #newest(): readonly string[] {
    const { channel, destinations, held } = this.#on
    let newest: string | null = null
    let at = -1
    for (const [destination, { first }] of this.#told) {
      if (first < at || destinations.paceOf(channel, destination) !== 'unproven') continue
      if (destinations.permits(channel, destination, held.boundFor(channel, destination)) <= 0) continue
      newest = destination
      at = first
    }
    return newest === null ? [] : [newest]
  }

  async #look(): Promise<void> {
    const { group, channel, store, clock } = this.#on
    if (clock.monotonic() < this.#lookAt) return
    this.#lookAt = clock.monotonic() + LOOK_MS
    const found = await store.parkedDestinations(group, channel, this.#after, PER_LOOK)
    this.#after = found.length < PER_LOOK ? '' : (found.at(-1) ?? '')
    for (const destination of found) if (!this.#told.has(destination)) this.tell(destination)
  }
}
