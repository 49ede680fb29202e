import type { Seen } from './check.ts'

/** A consumer group as the brokers have it. */
export interface GroupState {
  readonly id: string
  /** Kafka's word: `Stable`, `Empty`, `Dead` (it never joined), `PreparingRebalance`, ... */
  readonly state: string
  readonly members: number
}

/** Whether the groups can be described, and who is in them. A group without a member is no fault: doctor also runs before the daemon. */
export function groupsSeen(groups: readonly GroupState[]): Seen {
  const each = groups.map(({ id, state, members }) => {
    if (members === 0) return `${id} has no member`
    return `${id} has ${members} ${members === 1 ? 'member' : 'members'} (${state})`
  })
  return { sentence: `${each.join(', ')}.`, findings: [] }
}
