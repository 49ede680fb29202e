import type { Fact } from '../model/fact.ts'

/** State of a group, for /readyz and /livez. */
export interface GroupStatus {
  /**
   * `waiting`: recovers by itself, or is paused by the crash-loop breaker; never a reason for a restart. `refused`: stopped until the
   * operator decides. `lost`: its Kafka client cannot recover.
   */
  readonly state: 'starting' | 'running' | 'waiting' | 'stopped' | 'refused' | 'lost'
  readonly reason: string | null
  readonly partitions: readonly number[]
}

/** Tracks the state of a group. */
export interface StatusTracker {
  /** Observes the facts of the group. */
  onFact(fact: Fact): void
  assigned(partitions: readonly number[]): void
  /** Sets the final state, once; false when the group has already ended. */
  end(state: 'refused' | 'lost' | 'stopped', reason: string | null): boolean
  current(): GroupStatus
}

/** Stands for the whole group in place of a partition. */
const WHOLE_GROUP = -1

/** @param pausedFor why the crash-loop breaker is open, or null */
export function createStatusTracker(pausedFor: () => string | null): StatusTracker {
  const waiting = new Map<number, string>()
  let partitions: readonly number[] = []
  let hasJoined = false
  let ended: GroupStatus | null = null

  return {
    onFact(fact) {
      if (fact.is === 'waiting') waiting.set(fact.partition, fact.cause)
      if (fact.is === 'resumed') waiting.delete(fact.partition)
      if (fact.is === 'consumer-crashed') waiting.set(WHOLE_GROUP, fact.cause)
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
