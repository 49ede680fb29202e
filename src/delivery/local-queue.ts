import { BusyWorkers } from './busy-workers.ts'
import { CampaignAccounts } from './campaign-accounts.ts'
import { DestinationLines } from './destination-lines.ts'
import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import { Prefetch } from './prefetch.ts'

/**
 * Live intents overtake those of broadcasts and replays here, which were claimed while no live one was due; but of so many that begin,
 * one is the first that waits. That is more than claims take of the other classes while live work never runs out.
 */
const OTHERS_FIRST = 4

/**
 * How an intent ended. `not-done`: it was deferred or released, which says nothing about how fast the workers are. `waitsFor`: it begins
 * again when its destination has a permit.
 */
export type Ended = 'done' | 'not-done' | { readonly waitsFor: string }

export interface LocalQueueSettings {
  /** Executes one intent, and never rejects; `waitedMs` is how long it waited here. */
  readonly run: (intent: Intent, waitedMs: number) => Promise<Ended>
  /** Called when an intent has ended and its worker is free. */
  readonly freed: (intent: Intent) => void
  /** The destination is quick and has no permit beside `claimed` deliveries: an intent that waits for it does not begin. */
  readonly isFull: (channel: ChannelName, destination: string, claimed: number) => boolean
}

/**
 * The intents that one group of this process has claimed and not ended: at most `poolSize` run, the others wait for a worker,
 * first come, first served, but no campaign and no account has more than half of the workers while live intents of others wait for one.
 * The account of every intent that was claimed from the database is known; an intent from an accept begins before it is known, on a worker for which
 * nothing else was due. {@link Prefetch} says how many may wait.
 */
export class LocalQueue {
  /** Workers that one campaign or account may have while others wait. One worker cannot be shared. */
  readonly share: number
  /** Nobody else has live intents in the database, or others: of these a campaign may have more than its share. */
  readonly alone = { live: false, other: false }
  readonly #poolSize: number
  readonly #on: LocalQueueSettings
  readonly #waiting = new Map<string, Intent>()
  /** Those that wait for a permit of their destination, which had begun without one. */
  readonly #lines = new DestinationLines()
  /** When each began to wait here, by the monotonic clock. */
  readonly #since = new WeakMap<Intent, number>()
  readonly #accounts = new CampaignAccounts()
  readonly #running = new BusyWorkers((intent) => this.#accounts.of(intent))
  readonly #prefetch: Prefetch
  /** How many of a channel may run; without a limit for those that are not named. */
  readonly #limits = new Map<ChannelName, number>()
  #begun = 0
  #idle: (() => void) | null = null

  constructor(poolSize: number, on: LocalQueueSettings) {
    this.#poolSize = poolSize
    this.#on = on
    this.#prefetch = new Prefetch(poolSize)
    this.share = poolSize === 1 ? Infinity : Math.floor(poolSize / 2)
  }

  get size(): number {
    return this.withoutLine + this.#lines.size
  }

  /** Without those that wait for their destinations. */
  get withoutLine(): number {
    return this.#waiting.size + this.#running.size
  }

  /** Whether an intent whose destination is busy may wait in line: `mayWait` for one destination do, and twice as many in all as may wait for a worker. */
  hasPlaceFor({ channel }: Intent, { destination, mayWait }: { readonly destination: string; readonly mayWait: number }): boolean {
    return this.#lines.size < this.#longest && this.#lines.lengthOf(channel, destination) < mayWait
  }

  /** How many more for the destination may be claimed to wait in line, of `mayWait` at most. */
  placesFor(channel: ChannelName, destination: string, mayWait: number): number {
    const isBound = (intent: Intent) => intent.channel === channel && this.#lines.destinationOf(intent) === destination
    return Math.min(mayWait - countIf(this.waiting, isBound), this.#longest - this.#lines.size)
  }

  /** Twice as many as may wait for a worker. */
  get #longest(): number {
    return 2 * this.ahead
  }

  /** Intents of a channel that may wait for a worker now. */
  get ahead(): number {
    return this.#prefetch.most
  }

  /** How many may wait, however slow the workers are. */
  get leastAhead(): number {
    return this.#prefetch.least
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

  /** How many are of replays. */
  get ofReplays(): number {
    return this.#count((intent) => intent.class === 'replay')
  }

  /** Campaigns that hold their share or more. */
  get campaignsAtShare(): readonly string[] {
    return this.#atShare(({ campaignId }) => campaignId)
  }

  /** Accounts that hold their share or more, over all their campaigns. */
  get accountsAtShare(): readonly string[] {
    return this.#atShare((intent) => this.#accounts.of(intent))
  }

  /** Campaigns of these intents, by default of all that are here, whose account is not known. */
  campaignsOfUnknownAccount(intents: Iterable<Intent> = this.#all()): readonly string[] {
    return this.#accounts.unknownOf(intents)
  }

  learnAccounts(campaignIds: readonly string[], accounts: ReadonlyMap<string, string>): void {
    this.#accounts.learn(campaignIds, accounts)
    this.#running.recount()
  }

  /** How many each campaign holds. */
  perCampaign(): ReadonlyMap<string, number> {
    return countBy(this.#all(), ({ campaignId }) => campaignId)
  }

  /** Those that wait in line are left out: they have no worker, and wait for none. */
  ofChannel(channel: ChannelName): number {
    const isOf = (intent: Intent) => intent.channel === channel
    return countIf(this.#waiting.values(), isOf) + this.#running.of(channel)
  }

  /** How many are for the destination, as far as that was known when they were claimed. */
  boundFor(channel: ChannelName, destination: string): number {
    return this.#count((intent) => intent.channel === channel && this.#lines.destinationOf(intent) === destination)
  }

  /** The destinations of the intents that wait for a worker, as far as they are known. */
  waitingFor(channel: ChannelName): readonly string[] {
    return this.waiting.flatMap((intent) => (intent.channel === channel ? (this.#lines.destinationOf(intent) ?? []) : []))
  }

  /** The intents that wait for a worker, first to last; before them those that wait for their destinations. */
  get waiting(): readonly Intent[] {
    return [...this.#lines.all(), ...this.#waiting.values()]
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
      if (this.#waiting.get(next.id) === next) this.#waiting.delete(next.id)
      this.#lines.begin(next)
      this.#running.begin(next)
      const waitedMs = performance.now() - (this.#since.get(next) ?? performance.now())
      void this.#execute(next, waitedMs)
    }
  }

  /**
   * Takes out what waits of the channel although workers are free for it: intents of campaigns or accounts that have their share already.
   * If they stayed until one of those that run has ended, no others could be claimed.
   */
  takeBlocked(channel: ChannelName): readonly Intent[] {
    if (this.#running.size === this.#poolSize || this.#freeOf(channel) <= 0) return []
    return this.#take((intent) => intent.channel === channel && !this.#lines.has(intent))
  }

  /** Takes out what has waited longer than that, but for the first `keep` that wait. */
  takeOverdue(waitedMs: number, keep: number): readonly Intent[] {
    const before = performance.now() - waitedMs
    let kept = 0
    return this.#take((intent) => (this.#lines.has(intent) || (kept += 1) > keep) && (this.#since.get(intent) ?? before) < before)
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
    if (this.#waiting.size + this.#lines.size === 0) return null
    const full = new Set([...this.#limits.keys()].filter((channel) => this.#freeOf(channel) <= 0))
    const liveFirst = this.#begun % OTHERS_FIRST !== 0
    let liveBeyond: Intent | null = null
    let other: Intent | null = null
    let otherBeyond: Intent | null = null
    for (const intent of this.#ready()) {
      if (full.has(intent.channel)) continue
      const held = this.#running.sharedWith(intent)
      const isLive = intent.class === 'live'
      if (held < this.share && (isLive || (!liveFirst && intent.class !== 'replay'))) return intent
      if (held < this.share) other ??= intent
      else if (isLive) liveBeyond ??= intent
      else otherBeyond ??= intent
    }
    const live = this.alone.live ? liveBeyond : null
    const beyond = this.alone.other ? otherBeyond : null
    return liveFirst ? (live ?? other ?? beyond) : (other ?? beyond ?? live)
  }

  /** What may begin: those in line whose destination is not full, then those that wait for a worker. */
  *#ready(): Iterable<Intent> {
    yield* this.#lines.ready(this.#on.isFull)
    yield* this.#waiting.values()
  }

  #take(is: (intent: Intent) => boolean): readonly Intent[] {
    const taken = this.waiting.filter(is)
    for (const intent of taken) if (!this.#lines.delete(intent)) this.#waiting.delete(intent.id)
    return taken
  }

  /** How many more of the channel may run, as far as it is about the channel itself. */
  #freeOf(channel: ChannelName): number {
    return (this.#limits.get(channel) ?? Infinity) - this.#running.of(channel)
  }

  async #execute(intent: Intent, waitedMs: number): Promise<void> {
    this.#ended(intent, await this.#on.run(intent, waitedMs))
  }

  #ended(intent: Intent, ended: Ended): void {
    this.#running.end(intent)
    this.#lines.end(intent)
    if (ended === 'done') this.#prefetch.ended()
    else if (ended !== 'not-done') this.#lines.add(intent, ended.waitsFor)
    this.fill()
    this.#on.freed(intent)
    if (this.size === 0) this.#idle?.()
  }

  #atShare(of: (intent: Intent) => string | null): readonly string[] {
    const most = this.shareOfQueue
    const inLine = countBy(this.#lines.all(), of)
    return [...countBy(this.#all(), of)].filter(([id, count]) => count >= most || inLine.has(id)).map(([id]) => id)
  }

  *#all(): Iterable<Intent> {
    yield* this.#lines.all()
    yield* this.#waiting.values()
    yield* this.#running
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
