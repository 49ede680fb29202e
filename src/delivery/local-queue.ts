import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'

/** Campaigns of which the account is remembered; beyond it all are read again. */
const MOST_ACCOUNTS = 10_000

/** As many intents wait for a worker as the workers have lately ended in this time. Milliseconds. */
const AHEAD_MS = 250
/** More of a channel never wait, as a multiple of the workers and in rows, unless half of the workers are more. */
const MOST_AHEAD_PER_WORKER = 4
const MOST_AHEAD = 100
/**
 * Live intents overtake those of broadcasts and replays here, which were claimed while no live one was due; but of so many that begin,
 * one is the first that waits. That is more than claims take of the other classes while live work never runs out.
 */
const OTHERS_FIRST = 4

/**
 * The intents that one group of this process has claimed and not ended: at most `poolSize` run, the others wait for a worker,
 * first come, first served, but no campaign and no account has more than half of the workers while live intents of others wait for one.
 * The account of every intent that was claimed from the database is known; an intent from an accept begins before it is known, on a worker for which
 * nothing else was due.
 *
 * How many wait follows from how fast the workers are: while they end hundreds a second, a claim takes a block of them; while each
 * takes seconds, half as many wait as there are workers. No other process can take what waits here.
 */
export class LocalQueue {
  /** Workers that one campaign or account may have while others wait. One worker cannot be shared. */
  readonly share: number
  /** Nobody else has live intents in the database, or others: of these a campaign may have more than its share. */
  readonly alone = { live: false, other: false }
  readonly #poolSize: number
  readonly #run: (intent: Intent, waitedMs: number) => Promise<boolean>
  readonly #freed: (intent: Intent) => void
  readonly #waiting = new Map<string, Intent>()
  /** When each began to wait here, by the monotonic clock. */
  readonly #since = new WeakMap<Intent, number>()
  readonly #running = new Map<string, Intent>()
  /** How many of a channel may run; without a limit for those that are not named. */
  readonly #limits = new Map<ChannelName, number>()
  /** When the last intents ended, by the monotonic clock; no more of them than can matter. */
  readonly #endedAt: number[] = []
  /** Null for a campaign without an account. */
  readonly #accounts = new Map<string, string | null>()
  #begun = 0
  #idle: (() => void) | null = null

  /**
   * @param run executes one intent, and never rejects; `waitedMs` is how long it waited here. False: it was deferred or released,
   * which says nothing about how fast the workers are.
   * @param freed called when an intent has ended and its worker is free.
   */
  constructor(poolSize: number, run: (intent: Intent, waitedMs: number) => Promise<boolean>, freed: (intent: Intent) => void) {
    this.#poolSize = poolSize
    this.#run = run
    this.#freed = freed
    this.share = poolSize === 1 ? Infinity : Math.floor(poolSize / 2)
  }

  get size(): number {
    return this.#waiting.size + this.#running.size
  }

  /** Intents of a channel that may wait for a worker now. A single worker has none waiting: it works on one intent at a time. */
  get ahead(): number {
    if (this.#poolSize === 1) return 0
    const from = performance.now() - AHEAD_MS
    const ended = this.#endedAt.length - 1 - this.#endedAt.findLastIndex((at) => at < from)
    return Math.max(this.leastAhead, Math.min(ended, this.#poolSize * MOST_AHEAD_PER_WORKER, MOST_AHEAD))
  }

  /** How many may wait, however slow the workers are. */
  get leastAhead(): number {
    return Math.floor(this.#poolSize / 2)
  }

  /**
   * How many one campaign or account may hold, waiting ones included, before others are claimed first: a third of all, as of a queue at its
   * shortest.
   */
  get shareOfQueue(): number {
    return Math.max(this.share, Math.floor((this.#poolSize + this.ahead) / 3))
  }

  /** Sets how many of the channel may run at most. */
  limit(channel: ChannelName, workers: number): void {
    this.#limits.set(channel, workers)
  }

  /** Intents of the channel that may still be claimed. Waiting intents of other channels do not reduce the number. */
  room(channel: ChannelName): number {
    const waiting = countIf(this.#waiting.values(), (intent) => intent.channel === channel)
    return Math.min(this.#poolSize - this.#running.size, this.#freeOf(channel)) + this.ahead - waiting
  }

  /** Workers that the channel may have beside those for which it holds intents. */
  free(channel: ChannelName): number {
    return (this.#limits.get(channel) ?? Infinity) - this.ofChannel(channel)
  }

  /** Campaigns that hold their share or more. */
  get campaignsAtShare(): readonly string[] {
    return this.#atShare(({ campaignId }) => campaignId)
  }

  /** Accounts that hold their share or more, over all their campaigns. */
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

  /** How many are for the destination, as far as that was known when they were claimed. */
  boundFor(channel: ChannelName, destination: string): number {
    return this.#count((intent) => intent.channel === channel && intent.destination === destination)
  }

  /** The destinations of the intents that wait for a worker, as far as they are known. */
  waitingFor(channel: ChannelName): readonly string[] {
    return this.waiting.flatMap((intent) => (intent.channel === channel && intent.destination !== null ? [intent.destination] : []))
  }

  /** The intents that wait for a worker, first to last. */
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

  /** Starts waiting intents on free workers. */
  fill(): void {
    while (this.#running.size < this.#poolSize) {
      const next = this.#next()
      if (next === null) return
      this.#begun += 1
      this.#waiting.delete(next.id)
      this.#running.set(next.id, next)
      const waitedMs = performance.now() - (this.#since.get(next) ?? performance.now())
      void this.#execute(next, waitedMs)
    }
  }

  /**
   * Takes out what waits of the channel although workers are free for it: intents of campaigns or accounts that have their share already.
   * If they stayed until one of those that run has ended, no others could be claimed.
   */
  takeBlocked(channel: ChannelName): readonly Intent[] {
    return this.#running.size === this.#poolSize || this.#freeOf(channel) <= 0 ? [] : this.takeOf(channel)
  }

  /** Takes out what has waited longer than that, but for the first `keep` that wait. */
  takeOverdue(waitedMs: number, keep: number): readonly Intent[] {
    const before = performance.now() - waitedMs
    let kept = 0
    return this.#take((intent) => (kept += 1) > keep && (this.#since.get(intent) ?? before) < before)
  }

  /** Takes out what waits of the channel. */
  takeOf(channel: ChannelName): readonly Intent[] {
    return this.#take((intent) => intent.channel === channel)
  }

  /** Takes out what has not begun. */
  clear(): readonly Intent[] {
    return this.#take(() => true)
  }

  /** Resolves when nothing runs and nothing waits. */
  idle(): Promise<void> {
    return this.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#idle = resolve))
  }

  /**
   * Live ones first, but in one turn of four the first that waits; those whose campaign has its share only where nobody else waits,
   * here or in the database.
   */
  #next(): Intent | null {
    if (this.#waiting.size === 0) return null
    const campaigns = countBy(this.#running.values(), ({ campaignId }) => campaignId)
    const accounts = countBy(this.#running.values(), (intent) => this.#accountOf(intent))
    const full = new Set([...this.#limits.keys()].filter((channel) => this.#freeOf(channel) <= 0))
    const liveFirst = this.#begun % OTHERS_FIRST !== 0
    let liveBeyond: Intent | null = null
    let other: Intent | null = null
    let otherBeyond: Intent | null = null
    for (const intent of this.#waiting.values()) {
      if (full.has(intent.channel)) continue
      const account = this.#accountOf(intent)
      const held = Math.max(campaigns.get(intent.campaignId) ?? 0, account === null ? 0 : (accounts.get(account) ?? 0))
      const isLive = intent.class === 'live'
      if (held < this.share && (isLive || !liveFirst)) return intent
      if (held < this.share) other ??= intent
      else if (isLive) liveBeyond ??= intent
      else otherBeyond ??= intent
    }
    const live = this.alone.live ? liveBeyond : null
    const beyond = this.alone.other ? otherBeyond : null
    return liveFirst ? (live ?? other ?? beyond) : (other ?? beyond ?? live)
  }

  #take(is: (intent: Intent) => boolean): readonly Intent[] {
    const taken = this.waiting.filter(is)
    for (const { id } of taken) this.#waiting.delete(id)
    return taken
  }

  /** How many more of the channel may run, as far as it is about the channel itself. */
  #freeOf(channel: ChannelName): number {
    const limit = this.#limits.get(channel) ?? Infinity
    return limit === Infinity ? Infinity : limit - countIf(this.#running.values(), (intent) => intent.channel === channel)
  }

  async #execute(intent: Intent, waitedMs: number): Promise<void> {
    this.#ended(intent, await this.#run(intent, waitedMs))
  }

  #ended(intent: Intent, isDone: boolean): void {
    this.#running.delete(intent.id)
    if (isDone) this.#endedAt.push(performance.now())
    if (this.#endedAt.length > MOST_AHEAD) this.#endedAt.shift()
    this.fill()
    this.#freed(intent)
    if (this.size === 0) this.#idle?.()
  }

  #accountOf({ campaignId }: Intent): string | null {
    return this.#accounts.get(campaignId) ?? null
  }

  #atShare(of: (intent: Intent) => string | null): readonly string[] {
    const most = this.shareOfQueue
    return [...countBy(this.#all(), of)].filter(([, count]) => count >= most).map(([id]) => id)
  }

  *#all(): Iterable<Intent> {
    yield* this.#waiting.values()
    yield* this.#running.values()
  }

  #count(is: (intent: Intent) => boolean): number {
    return countIf(this.#all(), is)
  }
}

function countIf(intents: Iterable<Intent>, is: (intent: Intent) => boolean): number {
  let count = 0
  for (const intent of intents) if (is(intent)) count += 1
  return count
}

function countBy(intents: Iterable<Intent>, of: (intent: Intent) => string | null): Map<string, number> {
  const counts = new Map<string, number>()
  for (const intent of intents) {
    const id = of(intent)
    if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}
