import { SqlError } from '../../std/sql.ts'

export interface GatherOptions {
  /** Nothing waits longer than this for others to join it. */
  readonly maxWaitMs: number
  /** Items in one flush at most. */
  readonly maxItems: number
}

/**
 * Lets callers share a transaction. `flush` writes what it is given, all or nothing, and returns one result per item.
 *
 * With nothing under way an item is flushed at once; what arrives meanwhile is flushed together when that flush is done, or
 * after `maxWaitMs` beside it, so that one flush behind a lock holds nobody up. When an item's own values make a flush fail,
 * every item is flushed alone: a bad row never fails its neighbours.
 */
export function createGather<Item, Result>(
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
  options: GatherOptions,
): (item: Item) => Promise<Result> {
  let waiting: Entry<Item, Result>[] = []
  let running = 0
  let soon: NodeJS.Immediate | undefined
  let late: NodeJS.Timeout | undefined

  function run(): void {
    clearImmediate(soon)
    clearTimeout(late)
    soon = late = undefined
    const entries = waiting.slice(0, options.maxItems)
    waiting = waiting.slice(options.maxItems)
    if (entries.length === 0) return
    running++
    void flushEntries(flush, entries).then(() => {
      running--
      if (waiting.length > 0) run()
    })
    if (waiting.length > 0) late = setTimeout(run, options.maxWaitMs)
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      // Not in this very tick: callers that were woken by the same answer come together.
      if (running === 0) soon ??= setImmediate(run)
      else late ??= setTimeout(run, options.maxWaitMs)
    })
}

interface Entry<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Never rejects: every entry hears of its own end. */
async function flushEntries<Item, Result>(
  flush: (items: readonly Item[]) => Promise<readonly Result[]>,
  entries: readonly Entry<Item, Result>[],
): Promise<void> {
  try {
    const results = await flush(entries.map(({ item }) => item))
    if (results.length !== entries.length) throw new Error(`A flush of ${entries.length} items returned ${results.length} results.`)
    for (const [index, result] of results.entries()) entries[index]?.resolve(result)
  } catch (error) {
    if (entries.length === 1 || isEverybodys(error)) {
      for (const entry of entries) entry.reject(error)
      return
    }
    for (const entry of entries) await flushEntries(flush, [entry])
  }
}

/**
 * Connection lost, transaction state, rights, missing table, resources, shutdown: it would be the same for each alone. Not
 * so values (22, 23, 54), locks (55P03, 40P01), a statement that took too long (57014) and what a ledger threw itself.
 */
function isEverybodys(error: unknown): boolean {
  if (!(error instanceof SqlError)) return false
  if (error.state === undefined) return true
  if (error.state === '57014') return false
  return ['08', '25', '28', '3D', '42', '53', '57', '58', 'XX'].includes(error.state.slice(0, 2))
}
