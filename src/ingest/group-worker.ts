import type { Pressure } from '../model/pressure.ts'
import { messageOf } from '../std/failure.ts'
import type { Acceptor } from './accept-chunk.ts'
import type { AcceptStore } from './accept-store.ts'
import { watchPressure } from './backpressure.ts'
import { createBatchRunner } from './batch-runner.ts'
import { createFetchGate } from './fetch-gate.ts'
import { createOffsetCommitter } from './offset-committer.ts'
import { consumerProbe, createCrashLoopBreaker, crashLoopRule, type CrashLoopRule } from './crash-loop-breaker.ts'
import type { Fact } from '../model/fact.ts'
import { createStatusTracker, type GroupStatus } from './group-status.ts'
import { LogAccessRefused, type LogAdmin } from './log-admin.ts'
import { createOwnedPartitions } from './owned-partitions.ts'
import { createAssignedOffsets } from './assigned-offsets.ts'
import type { ChunkReader } from './read-chunks.ts'
import type { Assignment, PartitionBatch, RecordSource, SourceReport } from './record-source.ts'
import { createSkippedProgressWriter } from './skipped-progress.ts'
import { factOf } from './source-fact.ts'
import { StartRefused, type StartFrom } from './start-offsets.ts'

/** Of a group, which also keeps its progress in the store. */
type GroupAcceptor = Acceptor & { readonly store: AcceptStore }

export interface WorkerSettings {
  readonly reader: ChunkReader
  readonly acceptor: GroupAcceptor
  readonly source: RecordSource
  readonly admin: LogAdmin
  readonly pressure: Pressure
  readonly startFrom: StartFrom
  /** Of a projecting group: rejects with an OperatorError while its own tables are not as it needs them. */
  readonly checkTables?: () => Promise<void>
  /** The longest delay of commits and of progress rows of skipped records; milliseconds. */
  readonly reportEveryMs: number
  /** Partitions that are known to have had a progress row. */
  readonly seenPartitions?: ReadonlySet<number>
  /** Default: {@link crashLoopRule}. */
  readonly crashLoopRule?: CrashLoopRule
}

export interface GroupWorker {
  /**
   * Writes the start offsets and joins. Resolves to null at the first assignment, or to the sentence why the group may not start; when the
   * brokers deny access, the group keeps trying after that.
   */
  start(): Promise<string | null>
  /** Stops fetching, finishes batches in flight, commits the last offsets and leaves the group. */
  stop(): Promise<void>
  status(): GroupStatus
  /**
   * Compares the progress row of every partition with the last accepted offset, for a database that was down and may have been restored to an
   * older state. A partition whose row went back is accepted again from there, without waiting for a record. Rejects when the database
   * does not answer.
   */
  recheckProgress(): Promise<void>
  /** Resolves with the cause when the group's Kafka client cannot recover. */
  readonly lost: Promise<Error>
}

/** One run of a group, from its start to its final end. */
export interface GroupRun extends GroupWorker {
  /**
   * Compares the log with the progress rows, and stops the group when it may not continue.
   *
   * @throws {StartRefused} the group may not continue, also when it has been stopped already; any other error: the check failed.
   */
  checkLog(): Promise<void>
  /** Partitions that are known to have had a progress row. */
  seenPartitions(): ReadonlySet<number>
}

/**
 * One consumer group of this process: the path of an event from the log into the inbox.
 *
 *   fetch (record-source.ts) -> peek, decode, decide (read-chunks.ts) -> accept in one transaction (accept-chunk.ts), chunk by
 *   chunk (batch-runner.ts) -> commit the offset of the progress row to Kafka (offset-committer.ts)
 *
 * The chunks of a partition run one after the other, so there are no gaps to track; partitions run in parallel. Accepted intents are executed
 * by delivery/, and no partition waits for them.
 */
export function createGroupWorker(settings: WorkerSettings): GroupRun {
  const { source, admin } = settings
  const acceptor: GroupAcceptor = {
    ...settings.acceptor,
    observe,
    onProjectionFailed: (partition, offset, failure) => breaker.record(`${partition}/${offset}`, failure),
    isPaused: () => breaker.reason !== null,
  }
  const { group, topic, store, clock } = acceptor
  const stopping = new AbortController()
  const { signal } = stopping
  const offsets = createAssignedOffsets({
    group,
    topic,
    store,
    admin,
    startFrom: settings.startFrom,
    checkTables: settings.checkTables,
    clock,
  })
  const commits = createOffsetCommitter(source, settings.reportEveryMs)
  const owned = createOwnedPartitions({
    group,
    topic,
    store,
    observe,
    seenPartitions: settings.seenPartitions ?? new Set(),
    commit: (assignment, partition, offset) => commits.schedule(assignment, partition, offset),
    restartAssignment: () => source.restartAssignment(),
  })
  const fetchGate = createFetchGate(group, source, observe)
  const rule = settings.crashLoopRule ?? crashLoopRule
  const breaker = createCrashLoopBreaker({ rule, probe: consumerProbe(settings.reader.consumer, store), fetchGate, clock, signal })
  const status = createStatusTracker(() => breaker.reason)
  const skippedProgress = createSkippedProgressWriter({
    store,
    group,
    topic,
    everyMs: settings.reportEveryMs,
    partitions: () => owned.all(),
    onWritten: (progress) => owned.scheduleCommit(progress),
    onConflict: (progress, row) => owned.onRowMoved(progress, row),
    onFailed: (cause) => observe({ is: 'commit-failed', group, cause }),
  })
  const batches = createBatchRunner({
    reader: settings.reader,
    acceptor,
    breaker,
    signalFor: ({ assignment }) => signalFor(assignment),
    onWritten: (progress) => owned.scheduleCommit(progress),
    onMoved: (progress, row) => {
      owned.onRowMoved(progress, row)
      // The batch in flight returns the new offset itself.
      progress.needsSeek = false
    },
    onSkipped: () => skippedProgress.arm(),
  })
  let stopped: Promise<void> | null = null
  let batchesRead = 0

  const lost = new Promise<Error>((resolve) => {
    source.ended.catch((error: unknown) => {
      if (end('lost', messageOf(error))) resolve(error instanceof Error ? error : new Error(messageOf(error)))
    })
  })

  /** Resolves with the sentence when the brokers first deny access. */
  const refused = Promise.withResolvers<string>()

  function start(): Promise<string | null> {
    // A join that continues after access was denied reports its end through `lost`.
    return Promise.race([join(), refused.promise])
  }

  async function join(): Promise<string | null> {
    try {
      if ((await offsets.readWithRetry(owned.seen(), signal, onWaiting)) === null) return null
      await source.start({ assigned: onAssigned, batch: onBatch, report: onReport })
    } catch (error) {
      if (!(error instanceof StartRefused)) throw error
      end('refused', error.message)
      return error.message
    }
    void watchPressure({ pressure: settings.pressure, fetchGate, batchesRead: () => batchesRead, clock, signal, intervalMs: 1_000 })
    return null
  }

  async function checkLog(): Promise<void> {
    try {
      await offsets.read(owned.seen())
    } catch (error) {
      if (error instanceof StartRefused) end('refused', error.message)
      throw error
    }
  }

  function onReport(report: SourceReport): void {
    if (report.is === 'crashed' && report.error instanceof LogAccessRefused) refused.resolve(report.error.message)
    if (report.is !== 'passed') return observe(factOf(report, group, topic))
    const progress = owned.get(report.partition)
    // Everything before the gap is handled and nothing in it will be delivered: the row follows, or a lag would remain that cannot be read.
    if (progress === undefined || progress.needsSeek || progress.nextOffset !== report.from) return
    progress.nextOffset = report.next
    skippedProgress.arm()
  }

  /** Tracks the state of the group, and passes the fact on. */
  function observe(fact: Fact): void {
    status.onFact(fact)
    settings.acceptor.observe(fact)
  }

  function onWaiting(error: unknown, retryInMs: number, attempt: number): void {
    const isRefused = error instanceof LogAccessRefused
    if (isRefused) refused.resolve(error.message)
    const cause = isRefused ? error.message : `start offsets: ${messageOf(error)}`
    observe({ is: 'waiting', group, partition: -1, cause, retryInMs, attempt })
  }

  async function onAssigned(assignment: Assignment): Promise<ReadonlyMap<number, bigint>> {
    owned.recordAccepted()
    const found = await offsets.readWithRetry(owned.seen(), signalFor(assignment), onWaiting).catch((error: unknown) => {
      end('refused', messageOf(error))
      throw error
    })
    // The assignment or the group has ended: its status must not change any more.
    if (found === null) return new Map()
    owned.assign(assignment, found)
    status.assigned(assignment.partitions)
    return new Map([...owned.all()].map(({ partition, storedOffset }) => [partition, storedOffset]))
  }

  async function onBatch(batch: PartitionBatch): Promise<bigint> {
    batchesRead += 1
    const progress = owned.get(batch.partition)
    if (progress === undefined || progress.assignment.epoch !== batch.assignment.epoch) return batch.nextOffset
    return batches.run(progress, batch)
  }

  async function recheckProgress(): Promise<void> {
    if (!signal.aborted) await owned.recheck()
  }

  /** Aborts with the assignment, or when the group stops. */
  function signalFor(assignment: Assignment): AbortSignal {
    return AbortSignal.any([assignment.signal, signal])
  }

  /** Stops this group only; the others continue, and readiness says why this one does not. */
  function end(state: 'refused' | 'lost', reason: string): boolean {
    if (!status.end(state, reason)) return false
    stopping.abort()
    observe({ is: 'group-stopped', group, reason })
    void source.stop()
    return true
  }

  return {
    start,
    stop() {
      stopped ??= (async () => {
        stopping.abort()
        skippedProgress.stop()
        await source.stop(async () => {
          await skippedProgress.flush()
          await commits.flush()
        })
        commits.stop()
        status.end('stopped', null)
      })()
      return stopped
    },
    status: () => status.current(),
    recheckProgress,
    checkLog,
    seenPartitions: () => owned.seen(),
    lost,
  }
}
