import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'

/** The intents that have a worker, counted by campaign, account and channel as they begin and end. */
export class BusyWorkers {
  readonly #accountOf: (intent: Intent) => string | null
  /** Not by id: an intent whose lease is over may run a second time here, while its first worker is still busy. */
  readonly #intents = new Set<Intent>()
  readonly #campaigns = new Counts<string>()
  readonly #channels = new Counts<ChannelName>()
  #accounts = new Counts<string>()

  /** @param accountOf may change its answer, if {@link recount} follows; null for an intent whose campaign has none, or one that is not known */
  constructor(accountOf: (intent: Intent) => string | null) {
    this.#accountOf = accountOf
  }

  get size(): number {
    return this.#intents.size
  }

  begin(intent: Intent): void {
    this.#intents.add(intent)
    this.#campaigns.add(intent.campaignId, 1)
    this.#channels.add(intent.channel, 1)
    this.#accounts.add(this.#accountOf(intent), 1)
  }

  end(intent: Intent): void {
    this.#intents.delete(intent)
    this.#campaigns.add(intent.campaignId, -1)
    this.#channels.add(intent.channel, -1)
    this.#accounts.add(this.#accountOf(intent), -1)
  }

  /** Called when accounts have become known, or were forgotten. */
  recount(): void {
    this.#accounts = new Counts()
    for (const intent of this.#intents) this.#accounts.add(this.#accountOf(intent), 1)
  }

  of(channel: ChannelName): number {
    return this.#channels.of(channel)
  }

  /** How many the campaign of the intent has, or its account over all its campaigns, whichever is more. */
  sharedWith(intent: Intent): number {
    return Math.max(this.#campaigns.of(intent.campaignId), this.#accounts.of(this.#accountOf(intent)))
  }

  [Symbol.iterator](): Iterator<Intent> {
    return this.#intents.values()
  }
}

class Counts<Key extends string> {
  readonly #counts = new Map<Key, number>()

  of(key: Key | null): number {
    return key === null ? 0 : (this.#counts.get(key) ?? 0)
  }

  add(key: Key | null, more: number): void {
    if (key === null) return
    const count = this.of(key) + more
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }
}
