import type { ChannelName, Intent } from './intent.ts'

/**
 * The intents that one group of this process has claimed and not ended: at most `poolSize` run, the others wait for a worker,
 * first come, first served, but no campaign has more than half of the workers while others wait for one.
 */
export class HeldIntents {
  /** Workers that one campaign may have while others wait. One worker cannot be shared. */
  readonly share: number
  /** Nobody else waits in the database: a campaign may have more than its share. */
  alone = false
  readonly #poolSize: number
  readonly #run: (intent: Intent) => Promise<void>
  readonly #freed: (intent: Intent) => void
  readonly #waiting = new Map<string, Intent>()
  readonly #running = new Map<string, Intent>()
  readonly #campaigns = new Map<string, { held: number; running: number }>()
  #idle: (() => void) | null = null

  /** @param run does one intent, and never rejects. @param freed hears of each that has ended, when its worker is free. */
  constructor(poolSize: number, run: (intent: Intent) => Promise<void>, freed: (intent: Intent) => void) {
    this.#poolSize = poolSize
    this.#run = run
    this.#freed = freed
    this.share = poolSize === 1 ? Infinity : Math.floor(poolSize / 2)
  }

  get size(): number {
    return this.#waiting.size + this.#running.size
  }

  /** Campaigns that hold their share or more. */
  get atShare(): readonly string[] {
    return [...this.#campaigns].filter(([, { held }]) => held >= this.share).map(([campaignId]) => campaignId)
  }

  /** How many each campaign holds. */
  perCampaign(): ReadonlyMap<string, number> {
    return new Map([...this.#campaigns].map(([campaignId, { held }]) => [campaignId, held]))
  }

  ofChannel(channel: ChannelName): number {
    return this.#count((intent) => intent.channel === channel)
  }

  /** Those that were known to go there when they were claimed. */
  boundFor(channel: ChannelName, destination: string): number {
    return this.#count((intent) => intent.channel === channel && intent.destination === destination)
  }

  add(intents: readonly Intent[]): void {
    for (const intent of intents) {
      this.#waiting.set(intent.id, intent)
      this.#of(intent).held += 1
    }
    this.fill()
  }

  /** Gives free workers something to do. */
  fill(): void {
    while (this.#running.size < this.#poolSize) {
      const next = this.#next()
      if (next === null) return
      this.#waiting.delete(next.id)
      this.#running.set(next.id, next)
      this.#of(next).running += 1
      void this.#run(next).finally(() => this.#ended(next))
    }
  }

  /**
   * Takes out what waits although workers are free: intents of campaigns that have their share already. Held until one of those that
   * run has ended, they would keep others from being claimed.
   */
  takeBlocked(): readonly Intent[] {
    return this.#running.size < this.#poolSize ? this.clear() : []
  }

  /** Takes out what has not begun. */
  clear(): readonly Intent[] {
    const cleared = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const intent of cleared) this.#release(intent)
    return cleared
  }

  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#idle = resolve))
  }

  #next(): Intent | null {
    for (const intent of this.#waiting.values()) {
      if (this.alone || this.#of(intent).running < this.share) return intent
    }
    return null
  }

  #ended(intent: Intent): void {
    this.#running.delete(intent.id)
    this.#of(intent).running -= 1
    this.#release(intent)
    this.fill()
    this.#freed(intent)
    if (this.size === 0) this.#idle?.()
  }

  #release(intent: Intent): void {
    const campaign = this.#of(intent)
    campaign.held -= 1
    if (campaign.held === 0) this.#campaigns.delete(intent.campaignId)
  }

  #of({ campaignId }: Intent): { held: number; running: number } {
    const campaign = this.#campaigns.get(campaignId) ?? { held: 0, running: 0 }
    this.#campaigns.set(campaignId, campaign)
    return campaign
  }

  #count(is: (intent: Intent) => boolean): number {
    return [...this.#waiting.values(), ...this.#running.values()].filter(is).length
  }
}
