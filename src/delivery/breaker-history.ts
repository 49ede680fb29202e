import type { Sql } from '../std/sql.ts'
import type { Fact } from '../model/fact.ts'
import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { DeliveryLog } from './delivery-log-table.ts'
import type { KindTable } from './kind-table.ts'
import type { RetryPolicy } from '../model/retry-policy.ts'

/** A change of a breaker in one process, `agoMs` ago. */
export interface BreakerChange {
  readonly of: { readonly channel: string; readonly destination: string }
  readonly state: 'open' | 'closed'
  readonly reason: string | null
  readonly agoMs: number
}

export interface AbandonRequest {
  readonly group: string
  readonly channel: ChannelName
  readonly kinds: ReturnType<KindTable['known']>
  /** Destinations that were away for so long at least. */
  readonly awayMs: number
  /** The channel's: its rows are set to failed in the same transaction. */
  readonly deliveryLog: DeliveryLog | null
  readonly limit: number
}

/** The port to the record of unavailable destinations that all processes share. */
export interface BreakerStore {
  /** Resolves to all destinations that are on record as away. */
  recordBreakers(changes: readonly BreakerChange[]): Promise<readonly BreakerChange['of'][]>
  /** Gives up a batch of what is deferred for destinations that were away for too long; `record` updates the state of each intent's kind, in the same transaction. */
  abandonDeferred(request: AbandonRequest, record: (intent: Intent, tx: Sql) => Promise<void>): Promise<readonly Intent[]>
}

type Change = Omit<BreakerChange, 'agoMs'> & { readonly at: number }

/**
 * Records since when breakers of destinations are open. Each process has its own breakers, which end with it; how long a destination has been
 * unavailable must outlive it. Changes are kept until the database has them.
 */
export class BreakerRecord {
  readonly #store: Pick<BreakerStore, 'recordBreakers'>
  /** The last change of each destination that is not written yet. */
  readonly #found = new Map<string, Change>()
  #away: ReadonlySet<string> = new Set()
  /** When a delivery last succeeded at each destination that was not away when the record was last read. */
  readonly #arrived = new Map<string, Pick<Change, 'of' | 'at'>>()
  readonly #now: () => number

  /** @param now milliseconds of a monotonic clock. */
  constructor(store: Pick<BreakerStore, 'recordBreakers'>, now: () => number = () => performance.now()) {
    this.#store = store
    this.#now = now
  }

  observe(fact: Fact): void {
    // A destination that was only forgotten may still be away.
    if (fact.is !== 'breaker' || fact.state === 'half-open' || fact.reason === 'forgotten') return
    this.#find(fact, fact.state, fact.reason)
  }

  /** A delivery succeeded. The breaker of another process may have been open, or that of this process before a restart. */
  arrived(channel: string, destination: string): void {
    const of = { channel, destination }
    if (this.#away.has(keyOf(of))) this.#find(of, 'closed', null)
    else this.#arrived.set(keyOf(of), { of, at: this.#now() })
  }

  /** Throws SqlError; the changes are then kept for the next time. */
  async write(): Promise<void> {
    const found = new Map(this.#found)
    const arrived = [...this.#arrived]
    const now = this.#now()
    const away = await this.#store.recordBreakers([...found.values()].map(({ at, ...change }) => ({ ...change, agoMs: now - at })))
    this.#away = new Set(away.map(keyOf))
    for (const [key, change] of found) if (this.#found.get(key) === change) this.#found.delete(key)
    // At a start the first deliveries may succeed before the record is read; a failure of another process since then keeps its entry.
    for (const [key, one] of arrived) {
      if (this.#away.has(key) && !this.#found.has(key)) this.#found.set(key, { ...one, state: 'closed', reason: null })
      if (this.#arrived.get(key) === one) this.#arrived.delete(key)
    }
  }

  #find({ channel, destination }: BreakerChange['of'], state: BreakerChange['state'], reason: string | null): void {
    this.#found.set(keyOf({ channel, destination }), { of: { channel, destination }, state, reason, at: this.#now() })
  }
}

/** The longest that all retries of a delivery take; a delivery that was never tried is given up after the same time. Milliseconds. */
export function awayTooLongMs(policy: RetryPolicy): number {
  return policy.delays(null).reduce((sum, delay) => sum + delay, 0)
}

/** Intents given up in one transaction. */
const BATCH = 200

/** What was deferred for a destination and given up, by kind and destination. */
export interface Abandoned {
  readonly channel: string
  readonly kind: string
  readonly destination: string
  readonly count: number
}

/** What is deferred in one channel of a group. */
export interface DeferredWork {
  readonly group: string
  readonly channel: ChannelName
  readonly kinds: KindTable
  /** The channel's; a kind may have a policy of its own. */
  readonly retry: RetryPolicy
  readonly deliveryLog: DeliveryLog | null
}

/**
 * Gives up what is deferred for destinations that were away for longer than all retries of its kind take, a batch at a time. Throws
 * SqlError.
 */
export async function abandonDeferred(
  store: Pick<BreakerStore, 'abandonDeferred'>,
  of: DeferredWork,
  signal: AbortSignal,
  onAbandoned: (abandoned: Abandoned) => void,
): Promise<void> {
  const { group, channel, kinds, retry, deliveryLog } = of
  const ofSamePolicy = Map.groupBy(kinds.known(channel), (kind) => awayTooLongMs(kinds.of({ ...kind, channel })?.retry ?? retry))
  for (const [awayMs, alike] of ofSamePolicy) {
    await abandonAlike(store, { group, channel, kinds: alike, awayMs, deliveryLog, limit: BATCH }, kinds, signal, onAbandoned)
  }
}

async function abandonAlike(
  store: Pick<BreakerStore, 'abandonDeferred'>,
  request: AbandonRequest,
  kinds: KindTable,
  signal: AbortSignal,
  onAbandoned: (abandoned: Abandoned) => void,
): Promise<void> {
  const { channel } = request
  for (;;) {
    const abandoned = await store.abandonDeferred(request, async (intent, tx) => {
      await kinds.of(intent)?.recordOutcomes?.([{ intent, outcome: { ok: false, final: true, reason: 'endpoint-unavailable' } }], tx)
    })
    for (const some of Map.groupBy(abandoned, ({ kind, destination }) => `${kind} ${destination}`).values()) {
      const [{ kind, destination } = { kind: '', destination: null }] = some
      onAbandoned({ channel, kind, destination: destination ?? '', count: some.length })
    }
    if (abandoned.length < BATCH || signal.aborted) return
  }
}

function keyOf({ channel, destination }: BreakerChange['of']): string {
  return `${channel} ${destination}`
}
