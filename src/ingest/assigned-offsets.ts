import { backoff } from '../std/backoff.ts'
import { OperatorError } from '../std/failure.ts'
import type { Clock } from '../std/clock.ts'
import type { AcceptStore, ProgressRow } from './accept-store.ts'
import type { CommittedOffset, LogAdmin } from './log-admin.ts'
import { leaderEpochs } from './log-faults.ts'
import { StartRefused, decideStart, type StartFrom } from './start-offsets.ts'

/** The progress rows of a group, and its offsets committed to Kafka. */
export interface StoredProgress {
  readonly rows: readonly ProgressRow[]
  readonly committed: ReadonlyMap<number, CommittedOffset>
}

/** Determines the start offsets of a group's partitions from the database and the log. */
export interface AssignedOffsets {
  /**
   * Returns the rows of all partitions and creates missing ones. `seenPartitions`: partitions that have had a row.
   *
   * @throws {StartRefused} the group may not start until the operator decides.
   */
  read(seenPartitions: ReadonlySet<number>): Promise<StoredProgress>
  /** Same as `read`, retried while the database or the brokers are down; null when `signal` aborts meanwhile. */
  readWithRetry(
    seenPartitions: ReadonlySet<number>,
    signal: AbortSignal,
    onWaiting: (error: unknown, retryInMs: number, attempt: number) => void,
  ): Promise<StoredProgress | null>
}

export function createAssignedOffsets(of: {
  readonly group: string
  readonly topic: string
  readonly store: AcceptStore
  readonly admin: LogAdmin
  readonly startFrom: StartFrom
  /** Rejects with an OperatorError while the group's own tables are not as it needs them. */
  readonly checkTables?: (() => Promise<void>) | undefined
  readonly clock: Clock
}): AssignedOffsets {
  const { group, topic, store, admin, startFrom, clock } = of

  async function read(seenPartitions: ReadonlySet<number>): Promise<StoredProgress> {
    await of.checkTables?.().catch((error: unknown) => {
      throw error instanceof OperatorError ? new StartRefused(error.message) : error
    })
    // Before the rows: our members write their rows before they join, so members without rows are another program's.
    const members = startFrom === 'committed' ? (await admin.groupState(group)).members : 0
    // In this order, because a running member moves its row towards the end of the log and its commit towards the row: in any other
    // order a valid offset could appear to lie beyond the end.
    const committed = await admin.committedWithOwner(group, topic)
    const rows = await store.readProgress(group, topic)
    const ranges = await admin.ranges(topic)
    const topicId = await admin.topicId(topic)
    const epochEnds = await admin.epochEnds(topic, leaderEpochs(rows))
    const isFirst = rows.length === 0
    const decision = decideStart({
      group,
      topic,
      topicId,
      rows,
      ranges,
      epochEnds,
      committed: new Map([...committed].map(([partition, { offset }]) => [partition, offset])),
      seenPartitions,
      startFrom,
      members: isFirst ? members : 0,
      offsetsAtTime: isFirst && startFrom instanceof Date ? await admin.offsetsAt(topic, startFrom) : new Map(),
    })
    if (decision.is === 'refuse') throw new StartRefused(decision.sentence)
    const behind = [...epochEnds].find(([, end]) => end === null)?.[0]
    // A lagging broker catches up by itself; a cluster restored to an older state needs the operator.
    if (behind !== undefined) throw new Error(olderEpochs(topic, behind, group))
    if (topicId !== null && rows.some((row) => row.topicId === undefined)) await store.learnTopic(group, topic, topicId)
    if (decision.create.length === 0) return { rows, committed }
    // Another process may create the same rows concurrently: the first write wins.
    await store.createProgress(group, topic, decision.create)
    return { rows: await store.readProgress(group, topic), committed }
  }

  return {
    read,
    async readWithRetry(seenPartitions, signal, onWaiting) {
      for (let attempt = 1; !signal.aborted; attempt++) {
        try {
          return await read(seenPartitions)
        } catch (error) {
          if (error instanceof StartRefused) throw error
          const retryInMs = backoff(attempt, { baseMs: 200, maxMs: 5_000 })
          onWaiting(error, retryInMs, attempt)
          await clock.sleep(retryInMs, signal)
        }
      }
      return null
    },
  }
}

function olderEpochs(topic: string, partition: number, group: string): string {
  return (
    `the brokers know only older leader epochs of ${topic}/${partition} than that of the last record read (one lags behind, or the cluster ` +
    `was restored to an older state; then decide with: npm run workerctl -- offsets reset --group ${group} --partition ${partition} --to earliest --accept-loss)`
  )
}
