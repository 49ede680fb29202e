import type { Pressure } from '../model/pressure.ts'
import { messageOf } from '../std/failure.ts'
import type { Acceptor } from './accept-chunk.ts'
import { watchPressure } from './backpressure.ts'
import { createBatchRunner } from './batch-runner.ts'
import { createBrake } from './fetch-gate.ts'
import { createCommitReporter } from './offset-committer.ts'
import { createEqualFailures, equalFailuresRule, type EqualFailuresRule } from './crash-loop-breaker.ts'
import type { Fact } from '../model/fact.ts'
import { keepStatus, type GroupStatus } from './group-status.ts'
import { LogAccessRefused, type LogAdmin } from './log-admin.ts'
import { goOnAt, knownOf, startAt, type PartitionProgress } from './partition-progress.ts'
import { createPositions, type Found } from './assigned-offsets.ts'
import type { ChunkReader } from './read-chunks.ts'
import type { Assignment, PartitionBatch, RecordSource, SourceReport } from './record-source.ts'
import { createSkipWriter } from './skipped-progress.ts'
import { factOf } from './source-fact.ts'
import { StartRefused, type StartFrom } from './start-offsets.ts'

export interface WorkerSettings {
  readonly reader: ChunkReader
  readonly acceptor: Acceptor
  readonly source: RecordSource
  readonly admin: LogAdmin
  readonly pressure: Pressure
  readonly startFrom: StartFrom
  /** How long rows of skipped records and commits may be held back; milliseconds. */
  readonly reportEveryMs: number
  /** Partitions that are known to have had a row. */
  readonly known?: ReadonlySet<number>
  /** Five within a minute, tried again every five minutes, when not given. */
  readonly equalFailures?: EqualFailuresRule
}

export interface GroupWorker {
  /**
   * Writes the start positions, joins, and resolves at the first assignment: to null, or to the sentence why the group may not start. One
   * that the brokers refuse goes on trying behind that sentence.
   */
  start(): Promise<string | null>
  /** Takes in no more, finishes what is in hand, reports the last rows to Kafka and leaves the group. */
  stop(): Promise<void>
  status(): GroupStatus
  /**
   * Compares the row of every partition with what this process knows: for a database that was away and may have come back as
   * an older one. A partition whose row went back is accepted again from there, without waiting for a record. Rejects when
   * the database does not answer.
   */
  recheckProgress(): Promise<void>
  /** Resolves with the cause when the group's client cannot recover by itself. */
  readonly lost: Promise<Error>
}

/** A group from one start to its end, which is final. */
export interface GroupLife extends GroupWorker {
  /**
   * Compares the log with the rows, and stops the group when it may not go on.
   *
   * @throws {StartRefused} it may not, whether or not it has been stopped for it; anything else when the question was not answered.
   */
  check(): Promise<void>
  /** Partitions that are known to have had a row. */
  known(): ReadonlySet<number>
}

/**
 * One consumer group of this process: how an event travels from the log into the database.
 *
 *   fetch (record-source.ts) -> peek, decode, decide (read-chunks.ts) -> accept in one transaction (accept-chunk.ts), chunk by
 *   chunk (batch-runner.ts) -> report to Kafka what the progress row holds (offset-committer.ts)
 *
 * The chunks of a partition run one after the other, so there are no gaps to track; partitions run side by side. What the
 * accepted intents do to the outside world happens elsewhere (delivery/), while no partition waits for it.
 */
export function createWorker(settings: WorkerSettings): GroupLife {
  const { source, admin } = settings
  const acceptor = { ...settings.acceptor, observe }
  const { group, topic, store, clock } = acceptor
  const stopping = new AbortController()
  const { signal } = stopping
  const positions = createPositions({ group, topic, store, admin, startFrom: settings.startFrom, clock })
  const commits = createCommitReporter(source, settings.reportEveryMs)
  const brake = createBrake(group, source, observe)
  const rule = settings.equalFailures ?? equalFailuresRule
  const failures = createEqualFailures({ rule, consumer: settings.reader.consumer, brake, clock, signal })
  const status = keepStatus(() => failures.reason)
  const skips = createSkipWriter({
    store,
    group,
    topic,
    everyMs: settings.reportEveryMs,
    partitions: () => partitions.values(),
    written: tell,
    elsewhere: moved,
    failed: (cause) => observe({ is: 'commit-failed', group, cause }),
  })
  const batches = createBatchRunner({
    reader: settings.reader,
    acceptor,
    failures,
    until: ({ assignment }) => untilEither(assignment),
    written: tell,
    moved: (progress, row) => {
      moved(progress, row)
      // The batch that is under way goes there itself.
      progress.seek = false
    },
    skipped: () => skips.arm(),
  })
  let partitions = new Map<number, PartitionProgress>()
  /** How far each partition that was ours is known to have been accepted. */
  const known = new Map<number, bigint>([...(settings.known ?? [])].map((partition) => [partition, 0n]))
  let stopped: Promise<void> | null = null

  const lost = new Promise<Error>((resolve) => {
    source.ended.catch((error: unknown) => {
      if (end('lost', messageOf(error))) resolve(error instanceof Error ? error : new Error(messageOf(error)))
    })
  })

  /** Why the brokers refuse this group, at the first time. */
  const refused = Promise.withResolvers<string>()

  function start(): Promise<string | null> {
    // What a join ends with that goes on behind the sentence is told by `lost`.
    return Promise.race([join(), refused.promise])
  }

  async function join(): Promise<string | null> {
    try {
      if ((await positions.untilRead(seen(), signal, waiting)) === null) return null
      await source.start({ assigned, batch, report: told })
    } catch (error) {
      if (!(error instanceof StartRefused)) throw error
      end('refused', error.message)
      return error.message
    }
    void watchPressure({ pressure: settings.pressure, brake, clock, signal, intervalMs: 1_000 })
    return null
  }

  async function check(): Promise<void> {
    try {
      await positions.read(seen())
    } catch (error) {
      if (error instanceof StartRefused) end('refused', error.message)
      throw error
    }
  }

  function seen(): ReadonlySet<number> {
    return new Set([...known.keys(), ...partitions.keys()])
  }

  function told(report: SourceReport): void {
    if (report.is === 'crashed' && report.error instanceof LogAccessRefused) refused.resolve(report.error.message)
    if (report.is !== 'passed') return observe(factOf(report, group, topic))
    const progress = partitions.get(report.partition)
    // All before the hole is handled, and nothing of it can ever come: its row follows, or a lag would stay that nobody can read.
    if (progress === undefined || progress.seek || progress.position !== report.from) return
    progress.position = report.next
    skips.arm()
  }

  /** Tells the fact on, and keeps what readiness must know of it. */
  function observe(fact: Fact): void {
    status.hear(fact)
    settings.acceptor.observe(fact)
  }

  function waiting(error: unknown, retryInMs: number, attempt: number): void {
    const isRefused = error instanceof LogAccessRefused
    if (isRefused) refused.resolve(error.message)
    const cause = isRefused ? error.message : `start positions: ${messageOf(error)}`
    observe({ is: 'waiting', group, partition: -1, cause, retryInMs, attempt })
  }

  async function assigned(assignment: Assignment): Promise<ReadonlyMap<number, bigint>> {
    for (const progress of partitions.values()) known.set(progress.partition, knownOf(progress))
    const found = await positions.untilRead(new Set(known.keys()), untilEither(assignment), waiting).catch((error: unknown) => {
      end('refused', messageOf(error))
      throw error
    })
    // The assignment has ended, or the group: what readiness says is not ours to change any more.
    if (found === null) return new Map()
    partitions = placed(assignment, found)
    status.assigned(assignment.partitions)
    return new Map([...partitions.values()].map(({ partition, row }) => [partition, row]))
  }

  /** The partitions of an assignment where their rows say, each compared with how far it is known to have been accepted. */
  function placed(assignment: Assignment, { rows, committed }: Found): Map<number, PartitionProgress> {
    const owned = new Map<number, PartitionProgress>()
    for (const row of rows) {
      const { partition, next } = row
      if (!assignment.partitions.includes(partition)) continue
      const before = partitions.get(partition)
      const said = committed.get(partition)
      const ours = said?.ours === true ? said.offset : 0n
      const mine = known.get(partition) ?? 0n
      const progress = startAt(assignment, row, ours > mine ? ours : mine)
      owned.set(partition, progress)
      const wasTold = before !== undefined && before.recoverBelow === progress.recoverBelow && next >= before.row
      if (progress.recoverBelow > 0n && !wasTold)
        observe({ is: 'row-moved', group, partition, expected: progress.recoverBelow, row: next, meaning: 'database-behind-kafka' })
      if (said?.ours === false && said.offset !== next)
        observe({ is: 'offset-overruled', group, partition, committed: said.offset, row: next })
      tell(progress)
    }
    return owned
  }

  /**
   * Kafka is told what the row holds, but for the time in which the database catches up on what it has lost: the higher offset
   * is how whoever comes next knows that it did.
   */
  function tell(progress: PartitionProgress): void {
    if (progress.row >= progress.recoverBelow) commits.note(progress.assignment, progress.partition, progress.row)
  }

  async function batch(batch: PartitionBatch): Promise<bigint> {
    const progress = partitions.get(batch.partition)
    if (progress === undefined || progress.assignment.epoch !== batch.assignment.epoch) return batch.nextOffset
    return batches.run(progress, batch)
  }

  /**
   * The row is not where we left it. Higher: another owner, or our own commit whose answer was lost, has accepted this far.
   * Lower or gone: the database went back in time, for the other partitions too; all are placed anew.
   */
  function moved(progress: PartitionProgress, row: bigint | null): void {
    if (row === null || row < progress.row) return wentBack([{ progress, found: row }])
    observe({ is: 'row-moved', group, partition: progress.partition, expected: progress.row, row, meaning: 'another-owner' })
    goOnAt(progress, row)
    tell(progress)
  }

  async function recheckProgress(): Promise<void> {
    // Before the rows are read: they can only have moved up since, unless the database went back.
    const left = [...partitions.values()].map((progress) => ({ progress, row: progress.row }))
    if (left.length === 0 || signal.aborted) return
    const rows = new Map((await store.readProgress(group, topic)).map(({ partition, next }) => [partition, next]))
    const now = left.map(({ progress, row }) => ({ progress, row, found: rows.get(progress.partition) ?? null }))
    wentBack(now.filter(({ row, found }) => found === null || found < row))
  }

  /** Where a row is lower, its place in the new assignment tells of it; a row that is gone ends the group there. */
  function wentBack(all: readonly { readonly progress: PartitionProgress; readonly found: bigint | null }[]): void {
    if (all.length === 0) return
    for (const { progress, found: row } of all) {
      const { partition, row: expected } = progress
      if (row === null) observe({ is: 'row-moved', group, partition, expected, row, meaning: 'database-behind-kafka' })
    }
    source.replace()
  }

  /** Waiting for a database ends with the assignment, and when the process is to stop. */
  function untilEither(assignment: Assignment): AbortSignal {
    return AbortSignal.any([assignment.signal, signal])
  }

  /** Ends this group only; the others go on, and readiness says why this one does not. */
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
        skips.stop()
        await source.stop(async () => {
          await skips.flush()
          await commits.flush()
        })
        commits.stop()
        status.end('stopped', null)
      })()
      return stopped
    },
    status: () => status.current(),
    recheckProgress,
    check,
    known: seen,
    lost,
  }
}
