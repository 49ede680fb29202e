import { flushAlone, flushEntries, isEverybodys, isRolledBack, type Entry } from './micro-batcher.ts'

export interface HandoverBatcherOptions {
  /** Intents that are handed over at a time at most: the workers of the group. */
  readonly limit: number
  /** Starts linger for this long, even when no write is in flight: shorter, because a worker waits for each. */
  readonly startLingerMs: number
  /** Outcomes linger for this long, unless a start takes them along. */
  readonly outcomeLingerMs: number
  /** The longest that either waits for a write in flight, its own linger included. */
  readonly maxWaitMs: number
  /** Outcomes, and starts, in one write at most. */
  readonly maxItems: number
}

/** Names a claim, and says how long it counts as handed over without an outcome. */
export interface Handover {
  readonly key: string
  readonly leaseMs: number
}

export type HandoverItem<Start, Outcome> =
  { readonly is: 'start'; readonly start: Start } | { readonly is: 'outcome'; readonly outcome: Outcome }
export type HandoverResult = 'started' | 'settled' | 'lost'

/** `brief`: fails soon where a row is locked. `patient`: waits as long as any statement of the session. */
export type Patience = 'brief' | 'patient'

/** Outcomes first; all or nothing. */
export type WriteHandovers<Start, Outcome> = (
  items: readonly HandoverItem<Start, Outcome>[],
  patience: Patience,
) => Promise<readonly HandoverResult[]>

export interface HandoverBatcher<Start, Outcome> {
  /**
   * Writes a start once it does not exceed the limit. One that is rejected without a word of the database that nothing was written counts until
   * its outcome was tried: its commit may have succeeded.
   */
  start(handover: Handover, start: Start): Promise<HandoverResult>
  /** Resolves when a start that the caller writes by itself does not exceed the limit; it counts until {@link settled}. */
  admit(handover: Handover): Promise<void>
  /** Whether a start counts. */
  has(key: string): boolean
  /** Writes the outcome of a start that counts. It no longer counts when that was tried once, briefly: others do not wait for a row that is locked. */
  settle(key: string, outcome: Outcome): Promise<HandoverResult>
  /** The outcome of a start that counts was written, or tried. */
  settled(key: string): void
}

/**
 * Writes the starts and outcomes of what cannot be taken back, both in one commit: a start may take the place of an outcome of the same
 * write. So no more than `limit` are ever handed over without a recorded outcome, and no worker waits for the outcome of its last one.
 *
 * When the values of an item make a write fail, or a lock, outcomes are written alone, and starts without outcomes, as soon as there is room.
 */
export function createHandoverBatcher<Start, Outcome>(
  write: WriteHandovers<Start, Outcome>,
  options: HandoverBatcherOptions,
): HandoverBatcher<Start, Outcome> {
  type Item = HandoverItem<Start, Outcome>
  type Waiting = Entry<Item, HandoverResult> & { readonly since: number; readonly key: string }
  type WaitingStart = Waiting & Handover
  type WaitingToWrite = Handover & { readonly since: number; readonly admitted: () => void }

  const { limit, startLingerMs, outcomeLingerMs, maxWaitMs, maxItems } = options
  const enough = Math.min(limit, maxItems)
  /** What counts, and until when without an outcome, by the monotonic clock: the first ends first. */
  const counted = new Map<string, number>()
  const starts: (WaitingStart | WaitingToWrite)[] = []
  /** Starts whose write with outcomes failed. */
  const apart: WaitingStart[] = []
  const outcomes: Waiting[] = []
  let running = 0
  let alarm: { readonly at: number; readonly cancel: () => void } | null = null

  /** How many may start in a write with so many outcomes. */
  const room = (written: number) => Math.max(0, Math.min(limit - counted.size + written, maxItems))

  function dueAt(): number {
    const [outcome] = outcomes
    const [start] = starts
    if (apart.length > 0 && room(0) > 0) return 0
    const outcomesAt = outcome === undefined ? Infinity : outcomes.length >= enough ? 0 : outcome.since + outcomeLingerMs
    const startsAt = start === undefined ? Infinity : starts.length >= enough ? 0 : start.since + startLingerMs
    const isBlocked = apart.length > 0 || (start !== undefined && mayBegin(outcomes.length) === 0)
    const at = Math.min(outcomesAt, isBlocked ? firstEnd() : startsAt)
    return running === 0 ? at : Math.max(at, Math.min(outcome?.since ?? Infinity, start?.since ?? Infinity) + maxWaitMs)
  }

  /** When the first that counts is forgotten: its worker broke off without an outcome. */
  function firstEnd(): number {
    const [end = Infinity] = counted.values()
    return end
  }

  function schedule(): void {
    const at = dueAt()
    if (alarm !== null && alarm.at <= at) return
    alarm?.cancel()
    alarm = at === Infinity ? null : { at, cancel: alarmIn(at - performance.now()) }
  }

  /** Not in this tick: callers that resume after the same result share a write. */
  function alarmIn(ms: number): () => void {
    if (ms > 0) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    }
    const soon = setImmediate(run)
    return () => clearImmediate(soon)
  }

  function run(): void {
    alarm?.cancel()
    alarm = null
    for (const [key, end] of counted) {
      if (end > performance.now()) break
      counted.delete(key)
    }
    const again = count(apart.splice(0, room(0)))
    if (again.length > 0) keepRunning(flushEntries(patiently, again))
    const written = outcomes.splice(0, maxItems)
    const begun = count(starts.splice(0, mayBegin(written.length)))
    for (const start of begun) if ('admitted' in start) start.admitted()
    const ours = begun.filter((start) => 'item' in start)
    if (written.length + ours.length > 0) keepRunning(writeTogether(written, ours))
    schedule()
  }

  /** How many of `starts`, in their order: one that the caller writes takes no place of an outcome, which may be written later. */
  function mayBegin(written: number): number {
    const free = room(0)
    const beyond = starts.findIndex((start, index) => 'admitted' in start && index >= free)
    return beyond === -1 ? room(written) : Math.min(beyond, room(written))
  }

  function count<Of extends Handover>(handovers: readonly Of[]): readonly Of[] {
    for (const { key, leaseMs } of handovers) counted.set(key, performance.now() + leaseMs)
    return handovers
  }

  function keepRunning(write: Promise<void>): void {
    running += 1
    void write.then(() => {
      running -= 1
      schedule()
    })
  }

  /** Never rejects: every entry is resolved or rejected on its own. */
  async function writeTogether(written: readonly Waiting[], begun: readonly WaitingStart[]): Promise<void> {
    if (written.length === 0) return flushEntries(patiently, begun)
    const all = [...written, ...begun]
    let results: readonly HandoverResult[]
    try {
      results = await write(
        all.map(({ item }) => item),
        'brief',
      )
    } catch (error) {
      if (isEverybodys(error)) {
        for (const entry of all) entry.reject(error)
        return
      }
      // Once more without the starts, one of which may have made it fail; then the outcomes have been tried.
      for (const { key } of begun.length > 0 ? begun : written) counted.delete(key)
      apart.push(...begun)
      schedule()
      return begun.length > 0 ? writeTogether(written, []) : flushAlone(patiently, written)
    }
    for (const [index, result] of results.entries()) all[index]?.resolve(result)
  }

  const patiently = (items: readonly Item[]) => write(items, 'patient')

  function uncount(key: string): void {
    counted.delete(key)
    if (starts.length + apart.length > 0) schedule()
  }

  return {
    has: (key) => counted.has(key),
    start: (handover, start) =>
      new Promise((resolve, reject) => {
        const answered = (result: HandoverResult) => {
          if (result === 'lost') uncount(handover.key)
          resolve(result)
        }
        const failed = (error: unknown) => {
          if (isRolledBack(error)) uncount(handover.key)
          reject(error)
        }
        starts.push({ ...handover, since: performance.now(), item: { is: 'start', start }, resolve: answered, reject: failed })
        schedule()
      }),
    admit: (handover) =>
      new Promise((admitted) => {
        starts.push({ ...handover, since: performance.now(), admitted })
        schedule()
      }),
    settle: (key, outcome) =>
      new Promise((resolve, reject) => {
        // At the end: it is written soon, and ends after all that have no outcome yet.
        counted.delete(key)
        counted.set(key, Infinity)
        const tried = <Result>(answer: (result: Result) => void) => {
          return (result: Result) => {
            uncount(key)
            answer(result)
          }
        }
        outcomes.push({ key, item: { is: 'outcome', outcome }, since: performance.now(), resolve: tried(resolve), reject: tried(reject) })
        schedule()
      }),
    settled: uncount,
  }
}
