import { messageOf } from '../std/failure.ts'
import { acceptChunk, type Acceptor, type ChunkEnd } from './accept-chunk.ts'
import type { Fact } from './fact.ts'
import { watchPressure, type Pressure } from './backpressure.ts'
import { createCommitReporter } from './commit-reporter.ts'
import type { LogAdmin } from './log-admin.ts'
import { countsOf } from './type-counts.ts'
import { factOf } from './source-fact.ts'
import { goOnAt, startAt, type PartitionProgress } from './partition-progress.ts'
import { readChunks, type ChunkReader, type ReadChunk } from './read-chunks.ts'
import type { Assignment, PartitionBatch, RecordSource } from './record-source.ts'
import { createSkipWriter } from './skip-writer.ts'
import { createPositions } from './positions.ts'
import type { StartFrom } from './start-position.ts'

export interface WorkerSettings {
  readonly reader: ChunkReader
  readonly acceptor: Acceptor
  readonly source: RecordSource
  readonly admin: LogAdmin
  readonly pressure: Pressure
  readonly startFrom: StartFrom
  /** How long rows of skipped records and commits may be held back; milliseconds. */
  readonly reportEveryMs: number
}

/** Health of a group, as /readyz and /livez ask for it. */
export interface GroupStatus {
  /** `refused`: stopped for a reason that the operator decides; `lost`: its client cannot recover. */
  readonly state: 'starting' | 'running' | 'waiting' | 'stopped' | 'refused' | 'lost'
  readonly reason: string | null
  readonly partitions: readonly number[]
}

export interface GroupWorker {
  /** Writes the start positions, joins, and resolves at the first assignment. Rejects with a sentence when it may not start. */
  start(): Promise<void>
  /** Takes in no more, finishes what is in hand, reports the last rows to Kafka and leaves the group. */
  stop(): Promise<void>
  status(): GroupStatus
  /** Resolves with the cause when the group's client cannot recover by itself. */
  readonly lost: Promise<Error>
}

/**
 * One consumer group of this process: how an event travels from the log into the database.
 *
 *   fetch (record-source.ts) -> peek, decode, decide (read-chunks.ts) -> accept in one transaction (accept-chunk.ts)
 *   -> report to Kafka what the progress row holds (commit-reporter.ts)
 *
 * The chunks of a partition run one after the other, so there are no gaps to track; partitions run side by side. What the
 * accepted intents do to the outside world happens elsewhere (delivery/), while no partition waits for it.
 */
export function createWorker(settings: WorkerSettings): GroupWorker {
  const { reader, source, admin } = settings
  const acceptor = { ...settings.acceptor, observe }
  const { group, topic, store, clock } = acceptor
  const positions = createPositions({ group, topic, store, admin, startFrom: settings.startFrom, clock })
  const commits = createCommitReporter(source, settings.reportEveryMs)
  const skips = createSkipWriter({
    store,
    group,
    topic,
    everyMs: settings.reportEveryMs,
    partitions: () => partitions.values(),
    written: (progress) => commits.note(progress.assignment, progress.partition, progress.row),
    failed: (cause) => observe({ is: 'commit-failed', group, cause }),
  })
  const stopping = new AbortController()
  let partitions = new Map<number, PartitionProgress>()
  let status: GroupStatus = { state: 'starting', reason: null, partitions: [] }
  let stopped: Promise<void> | null = null

  const lost = new Promise<Error>((resolve) => {
    source.ended.catch((error: unknown) => {
      end('lost', messageOf(error))
      if (status.state === 'lost') resolve(error instanceof Error ? error : new Error(messageOf(error)))
    })
  })

  async function start(): Promise<void> {
    await positions.read()
    await source.start({ assigned, batch, report: (told) => observe(factOf(told, group, topic)) })
    void watchPressure({ group, pressure: settings.pressure, source, clock, observe, signal: stopping.signal, intervalMs: 1_000 })
  }

  /** Tells the fact on, and keeps what readiness must know of it. */
  function observe(fact: Fact): void {
    if (fact.is === 'waiting' && status.state === 'running') status = { ...status, state: 'waiting', reason: fact.cause }
    // Running again with the next assignment.
    if (fact.is === 'consumer-crashed' && (status.state === 'running' || status.state === 'waiting'))
      status = { ...status, state: 'waiting', reason: fact.cause }
    if (fact.is === 'resumed' && status.state === 'waiting') status = { ...status, state: 'running', reason: null }
    settings.acceptor.observe(fact)
  }

  async function assigned(assignment: Assignment): Promise<ReadonlyMap<number, bigint>> {
    const waiting = (cause: string, retryInMs: number, attempt: number) => {
      status = { state: 'waiting', reason: cause, partitions: assignment.partitions }
      observe({ is: 'waiting', group, partition: -1, cause, retryInMs, attempt })
    }
    const rows = await positions.untilRead(untilEither(assignment), waiting).catch((error: unknown) => {
      end('refused', messageOf(error))
      throw error
    })
    // The assignment has ended, or the group: what readiness says is not ours to change any more.
    if (rows === null) return new Map()
    partitions = new Map()
    for (const row of rows) {
      if (!assignment.partitions.includes(row.partition)) continue
      partitions.set(row.partition, startAt(assignment, row))
      commits.note(assignment, row.partition, row.next)
    }
    status = { state: 'running', reason: null, partitions: assignment.partitions }
    return new Map([...partitions.values()].map(({ partition, row }) => [partition, row]))
  }

  async function batch(batch: PartitionBatch): Promise<bigint> {
    const progress = partitions.get(batch.partition)
    if (progress === undefined || progress.assignment.epoch !== batch.assignment.epoch) return batch.nextOffset
    observe({
      is: 'fetched',
      group,
      partition: batch.partition,
      records: batch.records.length,
      highWatermark: batch.highWatermark,
      nextOffset: batch.nextOffset,
    })
    await progress.busy?.catch(() => undefined)
    if (progress.seek) {
      progress.seek = false
      return progress.position
    }
    const records = batch.records.filter((record) => record.offset >= progress.position)
    for (const chunk of readChunks(reader, records, batch.nextOffset, progress.exemptBelow)) {
      if (untilEither(batch.assignment).aborted) break
      if (chunk.events.length + chunk.faulty.length === 0) {
        skip(progress, chunk)
        continue
      }
      const jump = await accept(progress, chunk)
      if (jump) break
    }
    return progress.position
  }

  /** Nothing here is ours: the position moves now, the row within `reportEveryMs`. */
  function skip(progress: PartitionProgress, chunk: ReadChunk): void {
    progress.position = chunk.next
    if (chunk.skipped.size > 0)
      observe({
        is: 'accepted',
        group,
        partition: progress.partition,
        next: chunk.next,
        counts: countsOf(chunk, null),
        intents: 0,
        durationMs: 0,
      })
    skips.arm()
  }

  /** Returns whether the partition now goes on elsewhere than at the chunk's end. */
  async function accept(progress: PartitionProgress, chunk: ReadChunk): Promise<boolean> {
    await progress.busy?.catch(() => undefined)
    const startedAt = clock.now()
    const place = { partition: progress.partition, expected: progress.row, signal: untilEither(progress.assignment) }
    const work = acceptChunk(acceptor, place, chunk)
    progress.busy = work
    let end: ChunkEnd
    try {
      end = await work
    } finally {
      progress.busy = null
    }
    switch (end.is) {
      case 'ended':
        return true
      case 'moved':
        moved(progress, end.row)
        return true
      case 'accepted':
        progress.row = chunk.next
        progress.position = chunk.next
        commits.note(progress.assignment, progress.partition, progress.row)
        observe({
          is: 'accepted',
          group,
          partition: progress.partition,
          next: chunk.next,
          counts: countsOf(chunk, end),
          intents: end.intents,
          durationMs: clock.now() - startedAt,
        })
        return false
    }
  }

  /**
   * The row is not where we left it. Higher: another owner, or our own commit whose answer was lost, has accepted this far.
   * Lower: the database went back in time; what it forgot is accepted again from there.
   */
  function moved(progress: PartitionProgress, row: bigint | null): void {
    const meaning = row === null || row < progress.row ? 'database-behind-kafka' : 'another-owner'
    observe({ is: 'row-moved', group, partition: progress.partition, expected: progress.row, row, meaning })
    if (row === null) {
      end(
        'refused',
        `the progress row of ${topic}/${progress.partition} is gone (was the database emptied?): stop the group, then decide with: npm run workerctl -- offsets reset --group ${group}`,
      )
      return
    }
    goOnAt(progress, row)
    progress.seek = false
    commits.note(progress.assignment, progress.partition, row)
  }

  /** Waiting for a database ends with the assignment, and when the process is to stop. */
  function untilEither({ signal }: Assignment): AbortSignal {
    return AbortSignal.any([signal, stopping.signal])
  }

  /** Ends this group only; the others go on, and readiness says why this one does not. */
  function end(state: 'refused' | 'lost', reason: string): void {
    if (status.state === 'refused' || status.state === 'lost') return
    status = { state, reason, partitions: [] }
    stopping.abort()
    observe({ is: 'group-stopped', group, reason })
    void source.stop()
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
        if (status.state !== 'refused' && status.state !== 'lost') status = { state: 'stopped', reason: null, partitions: [] }
      })()
      return stopped
    },
    status: () => status,
    lost,
  }
}
