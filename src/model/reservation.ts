import type { Intent } from './intent.ts'

/** Free workers of this process: the transaction that writes intents claims some of them at once, so that no query looks for them (the fast path). */
export interface Reservation {
  /** The name on the claims. */
  readonly owner: string
  readonly workers: readonly ReservedWorkers[]
}

/** Free workers of one channel. */
export interface ReservedWorkers {
  readonly channel: string
  /** At most so many intents. */
  readonly count: number
  readonly leaseMs: number
  /** Workers that one campaign may have while others wait, and how many each has. */
  readonly share: number
  readonly held: ReadonlyMap<string, number>
}

/** Workers that are kept free until `release` is called, once, with what was written and which of it was claimed for them; null when nothing was. */
export interface OpenReservation {
  readonly reservation: Reservation | null
  release(written: { readonly intents: number; readonly claimed: readonly Intent[] } | null): void
}
