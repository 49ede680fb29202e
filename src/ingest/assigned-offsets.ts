import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import type { AcceptStore, ProgressRow } from './accept-store.ts'
import type { CommittedOffset, LogAdmin } from './log-admin.ts'
import { leaderEpochs } from './log-faults.ts'
import { StartRefused, startPositions, type StartFrom } from './start-offsets.ts'

/** Where the partitions of a group start, and what Kafka was last told of it. */
export interface Found {
  readonly rows: readonly ProgressRow[]
  readonly committed: ReadonlyMap<number, CommittedOffset>
}

/** Finds out where the partitions of one group start, in the database and the log. */
export interface Positions {
  /**
   * The rows of all partitions, missing ones written. `known`: partitions that have had a row.
   *
   * @throws {StartRefused} the group may not start until the operator decides.
   */
  read(known: ReadonlySet<number>): Promise<Found>
  /** The same, asked again while the database or the broker is away; null when `signal` aborts meanwhile. */
  untilRead(
    known: ReadonlySet<number>,
    signal: AbortSignal,
    waiting: (error: unknown, retryInMs: number, attempt: number) => void,
  ): Promise<Found | null>
}

export function createPositions(of: {
  readonly group: string
  readonly topic: string
  readonly store: AcceptStore
  readonly admin: LogAdmin
  readonly startFrom: StartFrom
  readonly clock: Clock
}): Positions {
  const { group, topic, store, admin, startFrom, clock } = of

  async function read(known: ReadonlySet<number>): Promise<Found> {
    // Before the rows: members that had none by then are not ours, which write them before they join.
    const members = startFrom === 'committed' ? (await admin.groupState(group)).members : 0
    // In the order in which they are behind each other: a member that still works moves its row up to the end of the log, and
    // the commit up to the row. Asked in any other, what is right could look as if it lay beyond the end.
    const committed = await admin.commits(group, topic)
    const rows = await store.readProgress(group, topic)
    const ranges = await admin.ranges(topic)
    const topicId = await admin.topicId(topic)
    const epochEnds = await admin.epochEnds(topic, leaderEpochs(rows))
    const isFirst = rows.length === 0
    const answer = startPositions({
      group,
      topic,
      topicId,
      rows,
      ranges,
      epochEnds,
      committed: new Map([...committed].map(([partition, { offset }]) => [partition, offset])),
      known,
      startFrom,
      members: isFirst ? members : 0,
      offsetsAtTime: isFirst && startFrom instanceof Date ? await admin.offsetsAt(topic, startFrom) : new Map(),
    })
    if (answer.is === 'refuse') throw new StartRefused(answer.sentence)
    const behind = [...epochEnds].find(([, end]) => end === null)?.[0]
    // It passes by itself where a broker lags; a cluster that was set back as a whole stays so until the operator decides.
    if (behind !== undefined) throw new Error(olderEpochs(topic, behind, group))
    if (topicId !== null && rows.some((row) => row.topicId === undefined)) await store.learnTopic(group, topic, topicId)
    if (answer.create.length === 0) return { rows, committed }
    // Another process may write the same rows at this moment: whatever is there first is the truth.
    await store.createProgress(group, topic, answer.create)
    return { rows: await store.readProgress(group, topic), committed }
  }

  return {
    read,
    async untilRead(known, signal, waiting) {
      for (let attempt = 1; !signal.aborted; attempt++) {
        try {
          return await read(known)
        } catch (error) {
          if (error instanceof StartRefused) throw error
          const retryInMs = backoff(attempt, { baseMs: 200, maxMs: 5_000 })
          waiting(error, retryInMs, attempt)
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
    `was set back to an older state; then decide with: npm run workerctl -- offsets reset --group ${group} --partition ${partition} --to earliest --accept-loss)`
  )
}
