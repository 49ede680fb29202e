/** Who answers for an event: decides about its schema, and is asked when its records are wrong. */
export interface Owner {
  readonly team: string
  /** A mailbox or channel that is read. */
  readonly contact: string
}

export const waitlist: Owner = { team: 'waitlist', contact: 'waitlist-team@example.com' }
export const rewards: Owner = { team: 'rewards', contact: 'rewards-team@example.com' }
