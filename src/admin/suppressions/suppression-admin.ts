/** Which suppressions are meant; null where it does not matter. */
export interface SuppressionFilter {
  readonly accountId: string | null
  readonly reason: 'bounced' | 'unsubscribed' | null
  /** An address, of which only the hash is on record. */
  readonly address: string | null
  /** On record from then on. */
  readonly since: Date | null
  /** On record before then. */
  readonly until: Date | null
}

export interface SuppressionCount {
  readonly accountId: string
  readonly reason: string
  readonly count: number
  readonly first: Date
  readonly last: Date
}

export interface SuppressionLine {
  readonly accountId: string
  readonly reason: string
  readonly at: Date
  /** The hash of the address, in hex. */
  readonly hash: string
}

/** An address that is to get no mail of an account. */
export interface NewSuppression {
  readonly accountId: string
  readonly address: string
  /** `bounced`: no mail at all; `unsubscribed`: no position and milestone mails. */
  readonly reason: 'bounced' | 'unsubscribed'
}

/** The port to who must not be written to. Throws SqlError. */
export interface SuppressionAdmin {
  counts(filter: SuppressionFilter): Promise<readonly SuppressionCount[]>
  /** The newest first. */
  list(filter: SuppressionFilter, limit: number): Promise<readonly SuppressionLine[]>
  /** Puts an address on record. `known`: it was there; `unknown-account`: there is no such account, and nothing was written. */
  add(suppression: NewSuppression): Promise<'recorded' | 'known' | 'unknown-account'>
  /** Resolves to how many were removed; nobody else's lock is waited for beyond the lock timeout. */
  remove(filter: SuppressionFilter): Promise<number>
}
