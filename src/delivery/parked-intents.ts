import type { Clock } from '../std/clock.ts'
import type { Destinations } from './destinations.ts'
import type { HeldIntents } from './held-intents.ts'
import type { ChannelName, Intent } from './intent.ts'
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
  readonly held: HeldIntents
  readonly clock: Pick<Clock, 'now'>
}

/** For which destinations of one channel of a group there are parked intents, as far as this process knows; it forgets none for good. */
export class ParkedIntents {
  /** When each was last told of, by a count: who claims forgets nothing that was told meanwhile. */
  readonly #told = new Map<string, number>()
  readonly #on: ParkedOf
  #count = 0
  #lookAt = -Infinity
  #after = ''

  constructor(on: ParkedOf) {
    this.#on = on
  }

  get some(): boolean {
    return this.#told.size > 0
  }

  tell(destination: string): void {
    this.#told.delete(destination)
    this.#told.set(destination, ++this.#count)
  }

  /** What a claim may take now: of destinations with places, those first that were not asked for longest. */
  async ask(): Promise<{ readonly asked: Asked; readonly at: number }> {
    await this.#look()
    const asked: Asked[number][] = []
    for (const destination of this.#told.keys()) {
      if (asked.length >= PER_CLAIM) break
      const { channel, destinations, held } = this.#on
      const places = destinations.places(channel, destination, held.boundFor(channel, destination))
      if (places > 0) asked.push({ destination, places })
    }
    return { asked, at: this.#count }
  }

  /** A claim that had room for more and passed nobody over has taken all that there were. */
  took({ asked, at }: Awaited<ReturnType<ParkedIntents['ask']>>, intents: readonly Intent[], all: boolean): void {
    for (const { destination, places } of asked) {
      const told = this.#told.get(destination) ?? Infinity
      if (told > at) continue
      this.#told.delete(destination)
      const taken = intents.filter((intent) => intent.destination === destination).length
      // Asked again after the others.
      if (!all || taken >= places) this.#told.set(destination, told)
    }
  }

  async #look(): Promise<void> {
    const { group, channel, store, clock } = this.#on
    if (clock.now() < this.#lookAt) return
    this.#lookAt = clock.now() + LOOK_MS
    const found = await store.parkedDestinations(group, channel, this.#after, PER_LOOK)
    this.#after = found.length < PER_LOOK ? '' : (found.at(-1) ?? '')
    for (const destination of found) if (!this.#told.has(destination)) this.tell(destination)
  }
}
