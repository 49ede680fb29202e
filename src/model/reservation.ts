import type { Intent } from './intent.ts'

/** Free workers of this process. The transaction that writes intents claims some of them right away, which saves a claim query (the fast path). */
export interface Reservation {
  /** Recorded as the owner of the claims. */
  readonly owner: string
  readonly workers: readonly ReservedWorkers[]
}

/** Free workers of one channel. */
export interface ReservedWorkers {
  readonly channel: string
  /** The most intents to claim. */
  readonly count: number
  readonly leaseMs: number
  /** How many workers one campaign may use while others wait, and how many each uses now. */
  readonly share: number
  readonly held: ReadonlyMap<string, number>
}

/** Workers that stay reserved until `release` is called, exactly once: with the number of intents written and those claimed, or null when nothing was written. */
export interface OpenReservation {
  readonly reservation: Reservation | null
  release(written: { readonly intents: number; readonly claimed: readonly Intent[] } | null): void
}
