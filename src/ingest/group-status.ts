import type { Fact } from '../model/fact.ts'

/** Health of a group, as /readyz and /livez ask for it. */
export interface GroupStatus {
  /**
   * `waiting`: able to work again by itself, or paused over equal failures; never a reason for a restart. `refused`: stopped
   * for a reason that the operator decides; `lost`: its client cannot recover.
   */
  readonly state: 'starting' | 'running' | 'waiting' | 'stopped' | 'refused' | 'lost'
  readonly reason: string | null
  readonly partitions: readonly number[]
}

/** Keeps what readiness must know of a group. */
export interface StatusKeeper {
  /** Listens to the group's own facts: who waits, and whose client is being rebuilt. */
  hear(fact: Fact): void
  assigned(partitions: readonly number[]): void
  /** True the first time; what a group has ended as it stays. */
  end(state: 'refused' | 'lost' | 'stopped', reason: string | null): boolean
  current(): GroupStatus
}

/** The group as a whole, where a partition is named. */
const WHOLE = -1

/** @param pausedFor why the group has paused itself, or null */
export function keepStatus(pausedFor: () => string | null): StatusKeeper {
  const waiting = new Map<number, string>()
  let partitions: readonly number[] = []
  let hasJoined = false
  let ended: GroupStatus | null = null

  return {
    hear(fact) {
      if (fact.is === 'waiting') waiting.set(fact.partition, fact.cause)
      if (fact.is === 'resumed') waiting.delete(fact.partition)
      if (fact.is === 'consumer-crashed') waiting.set(WHOLE, fact.cause)
    },
    assigned(owned) {
      partitions = owned
      hasJoined = true
      waiting.clear()
    },
    end(state, reason) {
      if (ended !== null && ended.state !== 'stopped') return false
      ended = { state, reason, partitions: [] }
      return true
    },
    current() {
      if (ended !== null) return ended
      const reason = pausedFor() ?? waiting.values().next().value ?? null
      if (reason !== null) return { state: 'waiting', reason, partitions }
      return { state: hasJoined ? 'running' : 'starting', reason: null, partitions }
    },
  }
}
