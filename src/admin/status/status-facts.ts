import type { Pause } from '../../model/pause.ts'
import type { BlockedStatement, ChannelWords } from '../lag/lag-ports.ts'
import type { GroupLagReport } from '../lag/lag-report.ts'
import type { PartitionOffsets } from '../offsets/offset-report.ts'

/** Dead letters of one reason and type in the last 24 hours. */
export interface RecentDeadLetters {
  readonly group: string
  readonly reason: string
  readonly type: string | null
  /** Counted up to 10,000 over all groups. */
  readonly day: number
  readonly hour: number
  readonly last: Date
}

/** A statement of a daemon that has run for long without waiting for a lock. */
export interface SlowSession {
  readonly pid: number
  readonly application: string
  readonly statement: string | null
  readonly forMs: number
}

/** A process that takes no new work, because it got SIGTSTP or `POST /admin/quiet`. */
export interface QuietProcess {
  readonly since: Date
  readonly pid: number
  /** May be cut. */
  readonly host: string
}

/** Intents of one kind and reason, among the newest 50,000, that ended `dead` in the last 24 hours and were not retried. */
export interface DeadIntents {
  readonly group: string
  readonly kind: string
  readonly reason: string | null
  readonly count: number
  readonly last: Date
}

/** Intents of a group that wait for the operator, or whose worker has gone. */
export interface OpenWork {
  readonly group: string
  /** Counted up to 1,000. */
  readonly held: number
  /** Claims whose lease ended more than a minute ago: a daemon that runs takes them back within seconds. */
  readonly abandoned: number
}

/** Events of the publishing outbox that wait, each counted up to 10,000. */
export interface OutboxFacts {
  readonly due: number
  readonly failed: number
  readonly oldestSeconds: number
}

/** Something of the database that was not read, because a table stayed locked or the statement was cancelled. */
export interface UnreadFact {
  /** In words, such as "dead letters". */
  readonly fact: string
  /** Qualified: the one that is locked, or that the statement reads. */
  readonly table: string
  /** Otherwise the statement was cancelled. */
  readonly isLocked: boolean
}

export interface GroupFacts {
  /** As `KAFKA_GROUPS` names it. */
  readonly name: string
  readonly group: string
  readonly topic: string
  /** Null while Kafka or the database does not answer. */
  readonly report: GroupLagReport | null
  /** By the progress rows, which decide where the group continues; empty where they were not read. */
  readonly offsets: readonly PartitionOffsets[]
  /** The topic does not exist. */
  readonly isMissing: boolean
  /** This environment runs it, or some daemon has, as far as progress rows were read. */
  readonly isExpected: boolean
}

/** Everything that `workerctl status` looks at. */
export interface StatusFacts {
  /** One sentence each about what does not answer or is refused; null while all is well. */
  readonly database: string | null
  readonly schema: string | null
  readonly kafka: string | null
  /** What is missing here although the database answers. */
  readonly unread: readonly UnreadFact[]
  readonly groups: readonly GroupFacts[]
  readonly blocked: readonly BlockedStatement[]
  readonly slow: readonly SlowSession[]
  readonly quiet: readonly QuietProcess[]
  /** The shortest round trip of several to the database, from here; milliseconds. Null while unknown. */
  readonly roundTripMs: number | null
  readonly deadIntents: readonly DeadIntents[]
  readonly deadLetters: readonly RecentDeadLetters[]
  readonly work: readonly OpenWork[]
  /** Null while unknown. */
  readonly outbox: OutboxFacts | null
  readonly pauses: readonly Pause[]
  readonly channels: readonly ChannelWords[]
}
