import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'

/** Campaigns of which the account is remembered; beyond it all are read again. */
const MOST_ACCOUNTS = 10_000

/**
 * The intents that one group of this process has claimed and not ended: at most `poolSize` run, the others wait for a worker,
 * first come, first served, but no campaign and no account has more than half of the workers while others wait for one. The account
 * is known of all that was claimed from the database; what an accept hands over in memory begins before it is known, on workers for
 * which nothing else was due.
 */
export class LocalQueue {
  /** Workers that one campaign or account may have while others wait. One worker cannot be shared. */
  readonly share: number
  /** Nobody else waits in the database: a campaign may have more than its share. */
  alone = false
  readonly #poolSize: number
  readonly #run: (intent: Intent, waitedMs: number) => Promise<void>
  readonly #freed: (intent: Intent) => void
  readonly #waiting = new Map<string, Intent>()
  /** When each began to wait here, by the monotonic clock. */
  readonly #since = new WeakMap<Intent, number>()
  readonly #running = new Map<string, Intent>()
  /** Null for a campaign without an account. */
  readonly #accounts = new Map<string, string | null>()
  #idle: (() => void) | null = null

  /** @param run executes one intent and never rejects; `waitedMs` is how long it waited here. @param freed called when an intent has ended and its worker is free. */
  constructor(poolSize: number, run: (intent: Intent, waitedMs: number) => Promise<void>, freed: (intent: Intent) => void) {
    this.#poolSize = poolSize
    this.#run = run
    this.#freed = freed
    this.share = poolSize === 1 ? Infinity : Math.floor(poolSize / 2)
  }

  get size(): number {
    return this.#waiting.size + this.#running.size
  }

  /** Campaigns that hold their share or more. */
  get campaignsAtShare(): readonly string[] {
    return this.#atShare(({ campaignId }) => campaignId)
  }

  /** Accounts that do, over all their campaigns. */
  get accountsAtShare(): readonly string[] {
    return this.#atShare((intent) => this.#accountOf(intent))
  }

  /** Campaigns of these intents, by default of all that are here, whose account is not known. */
  campaignsOfUnknownAccount(intents: Iterable<Intent> = this.#all()): readonly string[] {
    return [...new Set([...intents].map(({ campaignId }) => campaignId))].filter((campaignId) => !this.#accounts.has(campaignId))
  }

  learnAccounts(campaignIds: readonly string[], accounts: ReadonlyMap<string, string>): void {
    if (this.#accounts.size + campaignIds.length > MOST_ACCOUNTS) this.#accounts.clear()
    for (const campaignId of campaignIds) this.#accounts.set(campaignId, accounts.get(campaignId) ?? null)
  }

  /** How many each campaign holds. */
  perCampaign(): ReadonlyMap<string, number> {
    return countBy(this.#all(), ({ campaignId }) => campaignId)
  }

  ofChannel(channel: ChannelName): number {
    return this.#count((intent) => intent.channel === channel)
  }

  /** Those that were known to go there when they were claimed. */
  boundFor(channel: ChannelName, destination: string): number {
    return this.#count((intent) => intent.channel === channel && intent.destination === destination)
  }

  /** Where those go that wait for a worker, as far as that is known. */
  waitingFor(channel: ChannelName): readonly string[] {
    return this.waiting.flatMap((intent) => (intent.channel === channel && intent.destination !== null ? [intent.destination] : []))
  }

  /** Those that wait for a worker, first to last. */
  get waiting(): readonly Intent[] {
    return [...this.#waiting.values()]
  }

  add(intents: readonly Intent[]): void {
    for (const intent of intents) {
      this.#waiting.set(intent.id, intent)
      this.#since.set(intent, performance.now())
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
      const waitedMs = performance.now() - (this.#since.get(next) ?? performance.now())
      void this.#run(next, waitedMs).finally(() => this.#ended(next))
    }
  }

  /**
   * Those that wait although workers are free: of campaigns or accounts that have their share already. Held until one of those that run has
   * ended, they would keep others from being claimed.
   */
  get blocked(): readonly Intent[] {
    return this.#running.size < this.#poolSize ? this.waiting : []
  }

  /** Takes these out, and returns those of them that had not begun. */
  take(intents: readonly Intent[]): readonly Intent[] {
    return intents.filter(({ id }) => this.#waiting.delete(id))
  }

  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#idle = resolve))
  }

  #next(): Intent | null {
    const [first] = this.#waiting.values()
    if (first === undefined || this.alone) return first ?? null
    const campaigns = countBy(this.#running.values(), ({ campaignId }) => campaignId)
    const accounts = countBy(this.#running.values(), (intent) => this.#accountOf(intent))
    for (const intent of this.#waiting.values()) {
      const account = this.#accountOf(intent)
      const held = Math.max(campaigns.get(intent.campaignId) ?? 0, account === null ? 0 : (accounts.get(account) ?? 0))
      if (held < this.share) return intent
    }
    return null
  }

  #ended(intent: Intent): void {
    this.#running.delete(intent.id)
    this.fill()
    this.#freed(intent)
    if (this.size === 0) this.#idle?.()
  }

  #accountOf({ campaignId }: Intent): string | null {
    return this.#accounts.get(campaignId) ?? null
  }

  #atShare(of: (intent: Intent) => string | null): readonly string[] {
    return [...countBy(this.#all(), of)].filter(([, count]) => count >= this.share).map(([id]) => id)
  }

  *#all(): Iterable<Intent> {
    yield* this.#waiting.values()
    yield* this.#running.values()
  }

  #count(is: (intent: Intent) => boolean): number {
    return [...this.#all()].filter(is).length
  }
}

function countBy(intents: Iterable<Intent>, of: (intent: Intent) => string | null): Map<string, number> {
  const counts = new Map<string, number>()
  for (const intent of intents) {
    const id = of(intent)
    if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}
