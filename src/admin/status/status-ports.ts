import type { LogAdmin } from '../../ingest/log-admin.ts'
import type { GroupReader, InsideParts } from '../lag/lag-ports.ts'
import type { ProgressAdmin } from '../offsets/progress-admin.ts'
import type { PauseAdmin } from '../pauses/pause-admin.ts'
import type { DeadIntents, OpenWork, OutboxFacts, QuietProcess, RecentDeadLetters, SlowSession } from './status-facts.ts'

/** The port to the database for what lag does not say. Every query reads a bounded number of rows. */
export interface StatusReader {
  /** Counted are the newest letters, at most `most`. */
  deadLetters(most: number): Promise<readonly RecentDeadLetters[]>
  deadIntents(): Promise<readonly DeadIntents[]>
  openWork(groups: readonly string[]): Promise<readonly OpenWork[]>
  slowSessions(): Promise<readonly SlowSession[]>
  quietProcesses(): Promise<readonly QuietProcess[]>
}

/** The side of the database, which connects with its first statement. Every method rejects with SqlError. */
export interface StatusDatabase {
  /** @throws {OperatorError} one sentence with the way out, when the schema or a right is not what this build needs. */
  requireSchema(): Promise<void>
  /** The shortest statement there is. */
  roundTrip(): Promise<void>
  /** Reads at most `most` rows of each kind. */
  countOutbox(most: number): Promise<OutboxFacts>
  readonly reader: StatusReader
  readonly inside: InsideParts
  readonly pauses: Pick<PauseAdmin, 'active'>
  readonly progress: Pick<ProgressAdmin, 'readProgress'>
}

/** The side of Kafka, connected. */
export type StatusKafka = Pick<LogAdmin, 'topics' | 'groupState' | 'committed' | 'ranges' | 'topicId' | 'epochEnds'> & GroupReader

/** Both sides. One that does not answer hides nothing of the other. */
export interface StatusServers {
  readonly database: StatusDatabase
  /** Connects, works and disconnects. @throws {OperatorError} no broker answers, or access is denied. */
  readonly withKafka: <Result>(work: (kafka: StatusKafka) => Promise<Result>) => Promise<Result>
}
