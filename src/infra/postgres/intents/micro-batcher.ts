import { SqlError } from '../../../std/sql.ts'

export interface MicroBatcherOptions {
  /** The first item waits this long for others, even when no flush is in flight; 0: until the end of the current turn of the event loop. */
  readonly lingerMs: number
  /** When so many items wait, they linger no longer; `maxItems` when not given. */
  readonly enough?: number
  /** The longest that an item waits for others, `lingerMs` included. */
  readonly maxWaitMs: number
  /** Items in one flush at most. */
  readonly maxItems: number
}

/**
 * Lets callers share a statement. `flush` writes what it is given, all or nothing, and returns one result per item.
 *
 * Items that have lingered are flushed at once when no flush is in flight. Otherwise they are flushed with all later items when that flush
 * is done, or beside it after `maxWaitMs`, so that one flush behind a lock delays no others. When the values of an item make a flush fail,
 * every item is flushed alone: a bad row never fails its neighbours.
 */
export function createMicroBatcher<Item, Result>(
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
  options: MicroBatcherOptions,
): (item: Item) => Promise<Result> {
  const { lingerMs, maxWaitMs, maxItems } = options
  const enough = Math.min(options.enough ?? maxItems, maxItems)
  let waiting: Entry<Item, Result>[] = []
  let running = 0
  let ripe = false
  /** When the first of `waiting` was added, by the monotonic clock. */
  let since = 0
  let soon: NodeJS.Immediate | undefined
  let timer: NodeJS.Timeout | undefined

  /** The first of `waiting` was added. */
  function begin(): void {
    since = performance.now()
    if (lingerMs === 0) ripenSoon()
    else timer = setTimeout(ripen, lingerMs)
  }

  /** Not in this tick: callers that resume after the same result share a flush. */
  function ripenSoon(): void {
    clearTimeout(timer)
    soon = setImmediate(ripen)
  }

  /** The first of `waiting` has lingered long enough, or enough others have come. */
  function ripen(): void {
    ripe = true
    // A timer may fire a fraction of a millisecond early.
    const leftMs = Math.round(since + maxWaitMs - performance.now())
    if (running === 0 || leftMs <= 0) run()
    else timer = setTimeout(run, leftMs)
  }

  function run(): void {
    clearImmediate(soon)
    clearTimeout(timer)
    ripe = false
    const entries = waiting.slice(0, maxItems)
    waiting = waiting.slice(maxItems)
    running++
    void flushEntries(flush, entries).then(() => {
      running--
      if (ripe) run()
    })
    if (waiting.length === 0) return
    // The rest has lingered as long as the others.
    ripe = true
    timer = setTimeout(run, maxWaitMs)
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (waiting.length === 1) begin()
      if (waiting.length === enough && lingerMs > 0 && !ripe) ripenSoon()
    })
}

/** One item that waits to be written, and what its caller waits for. */
export interface Entry<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/**
 * Flushes the entries together, and each alone where that fails for the values of one. Never rejects: every entry is resolved or rejected on
 * its own.
 */
export async function flushEntries<Item, Result>(
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
  entries: readonly Entry<Item, Result>[],
): Promise<void> {
  if (entries.length === 0) return
  try {
    const results = await flush(entries.map(({ item }) => item))
    if (results.length !== entries.length) throw new Error(`A flush of ${entries.length} items returned ${results.length} results.`)
    for (const [index, result] of results.entries()) entries[index]?.resolve(result)
  } catch (error) {
    if (entries.length === 1 || isEverybodys(error)) {
      for (const entry of entries) entry.reject(error)
      return
    }
    await flushAlone(flush, entries)
  }
}

/** Flushes each entry by itself, a few at a time: each that meets a lock waits for the whole lock timeout. Never rejects. */
export async function flushAlone<Item, Result>(
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
  entries: readonly Entry<Item, Result>[],
): Promise<void> {
  const left = [...entries]
  const flushNext = async (): Promise<void> => {
    for (let entry = left.shift(); entry !== undefined; entry = left.shift()) await flushEntries(flush, [entry])
  }
  await Promise.all(Array.from({ length: ALONE_AT_ONCE }, flushNext))
}

/** Items of one failed flush that are flushed alone at the same time; each has a connection of the pool. */
const ALONE_AT_ONCE = 4

/** The database has said that it wrote nothing; where a connection was lost, or the server ended it, a commit may have succeeded. */
export function isRolledBack(error: unknown): boolean {
  return error instanceof SqlError && !isEverybodys(error)
}

/**
 * Connection lost, login, transaction state, resources, shutdown: each item alone would fail in the same way. Any other error may come
 * from one row, if only by a trigger that fails for some rows and not for others: values (22, 23, 54), locks (55P03, 40P01), a
 * statement that took too long (57014), names that a trigger does not find (42).
 */
export function isEverybodys(error: unknown): boolean {
  if (!(error instanceof SqlError)) return false
  if (error.state === undefined) return true
  if (error.state === '57014') return false
  return ['08', '25', '28', '3D', '53', '57', '58'].includes(error.state.slice(0, 2))
}
