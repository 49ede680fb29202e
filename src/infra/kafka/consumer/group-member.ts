import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Consumer, EachBatchPayload } from 'kafkajs'
import { backoff } from '../../../std/backoff.ts'
import type { Assignment } from '../../../ingest/record-source.ts'
import { AwaitedJoin } from './awaited-join.ts'
import { asError, endsMembership } from '../client/client-error.ts'
import { SOURCE_STOPS } from '../client/client-log.ts'
import type { Commit } from '../patches/consumer-group.ts'
import { createGroupConsumer, partitionControl, runConfig, type PartitionControl } from './group-consumer.ts'
import { withHeartbeats } from './heartbeats.ts'
import { markedOffsets } from '../client/marked-offsets.ts'
import type { MemberHost, MemberOptions } from './member-host.ts'
import { OwnedAssignment } from './owned-assignment.ts'
import { fetchedFrom, heldBytes, slicesOf, type Slice } from '../records/partition-batch.ts'
import { withinDeadline } from '../../../std/within-deadline.ts'

/** How long a stop waits for the broker to complete a join or a leave before it destroys the connections. */
const LEAVE_GRACE_MS = 5_000

/** One kafkajs consumer, from its first connection to the crash or stop that ends it. It is not reused. */
export class GroupMember {
  readonly #options: MemberOptions
  readonly #host: MemberHost
  readonly #consumer: Consumer
  readonly #control: PartitionControl
  readonly #destroyConnections: () => void
  readonly #over = Promise.withResolvers<Error | undefined>()
  readonly #draining = new AbortController()
  readonly #running = new Map<number, Promise<void>>()
  /** Set while a JoinGroup is in flight. */
  #joining: PromiseWithResolvers<void> | undefined
  #assignment: OwnedAssignment | undefined
  /** Commits in whatever generation the member has, hence the epoch check beside every call. */
  #commitThrough: Commit | undefined
  readonly #nextJoin = new AwaitedJoin()
  #escapes = 0

  constructor(options: MemberOptions, host: MemberHost) {
    this.#options = options
    this.#host = host
    const { consumer, destroyConnections } = createGroupConsumer(options, {
      log: (line) => host.handlers.report({ is: 'client-log', ...line }),
      beforeJoin: () => this.#beforeJoin(),
      watch: {
        onJoin: (commit) => (this.#commitThrough = commit),
        onPassed: (partition, from, next) => this.#onPassed(partition, from, next),
      },
      mayRestart: () => !this.#isDraining,
    })
    this.#consumer = consumer
    this.#control = partitionControl(consumer, options.topic)
    this.#destroyConnections = destroyConnections
    consumer.on('consumer.group_join', ({ payload }) => {
      this.#onJoinEnded()
      if (!this.#isDraining) this.#own(payload.memberAssignment[options.topic] ?? [], payload.memberId)
    })
    consumer.on('consumer.heartbeat', () => {
      if (this.#nextJoin.onHeartbeat()) this.#reassign()
    })
    consumer.on('consumer.crash', ({ payload }) => this.#onCrash(payload.error, payload.restart))
  }

  /** Joins and consumes. Resolves with the error that ended it, or with nothing after a leave. Never rejects. */
  async run(): Promise<Error | undefined> {
    try {
      await this.#consumer.connect()
      await this.#consumer.subscribe({ topics: [this.#options.topic], fromBeginning: true })
      if (this.#isDraining) return undefined
      await this.#consumer.run(runConfig((payload) => this.#eachBatch(payload)))
    } catch (error) {
      this.#destroyConnections()
      return asError(error)
    }
    return this.#over.promise
  }

  /** Stops fetching from all partitions. */
  pause(): void {
    this.#control.pause(this.#assignment?.partitions ?? [])
  }

  resume(): void {
    if (!this.#assignment || this.#assignment.ended || this.#isDraining) return
    const held = this.#host.held()
    this.#control.resume(this.#assignment.startedPartitions().filter((partition) => !held.has(partition)))
  }

  /** Stops fetching from the partitions that the host holds, and resumes the others unless everything is paused. */
  applyHold(): void {
    const held = this.#host.held()
    this.#control.pause((this.#assignment?.partitions ?? []).filter((partition) => held.has(partition)))
    if (!this.#host.isPaused()) this.resume()
  }

  /** See RecordSource.restartAssignment: batches in flight end with their assignment, and the handlers return new start offsets. */
  restartAssignment(): void {
    if (this.#assignment?.ended === false) this.#reassign()
  }

  /** See RecordSource.commit. The check and the call stand in one tick: kafkajs fixes the generation before it first waits. */
  async commit(assignment: Assignment, offsets: ReadonlyMap<number, bigint>): Promise<boolean> {
    const current = this.#assignment
    if (!current || assignment !== current || current.ended || !this.#commitThrough) return false
    try {
      this.#host.handlers.report({ is: 'committing', offsets })
      await this.#commitThrough(markedOffsets(current.topic, offsets))
      this.#host.handlers.report({ is: 'committed', offsets })
      return true
    } catch (error) {
      if (endsMembership(error)) this.#endUntilJoin(current, 'the broker refused a commit of this membership')
      else this.#host.handlers.report({ is: 'commit-failed', error: asError(error) })
      return false
    }
  }

  /** Takes no new batch and waits for those in flight; the member stays in the group. */
  async drain(): Promise<void> {
    this.#draining.abort()
    this.pause()
    await Promise.all(this.#running.values())
  }

  /** Leaves the group and disconnects; after {@link drain}. A broker that does not answer in time is disconnected without a LeaveGroup. */
  async leave(): Promise<void> {
    this.#end(this.#assignment, SOURCE_STOPS)
    if (this.#joining) {
      // kafkajs cannot stop a consumer during its first join: it would stay in the group, unstoppable.
      await withinDeadline(LEAVE_GRACE_MS, this.#joining.promise)
      await nextTurn()
    }
    await withinDeadline(
      LEAVE_GRACE_MS,
      this.#consumer.disconnect().catch(() => undefined), // kafkajs has logged it, and the cut ends what it could not
    )
    this.#destroyConnections()
    this.#over.resolve(undefined)
  }

  get #isDraining() {
    return this.#draining.signal.aborted
  }

  #beforeJoin(): void {
    this.#options.onMembership()
    this.#end(this.#assignment, 'the member joins again')
    this.#nextJoin.end()
    if (this.#isDraining) throw Object.assign(new Error(SOURCE_STOPS), { retriable: false })
    // A join from inside a fetch (leader moved, partitions added) leaves the fetches of other brokers running: their results must be ignored.
    this.pause()
    this.#joining ??= Promise.withResolvers()
  }

  #onJoinEnded(): void {
    this.#joining?.resolve()
    this.#joining = undefined
  }

  #onCrash(error: Error, restarts: boolean): void {
    this.#onJoinEnded()
    this.#end(this.#assignment, 'the client crashed')
    if (this.#isDraining) return
    if (restarts) this.#host.onRestart(error)
    else this.#over.resolve(error)
  }

  #end(assignment: OwnedAssignment | undefined, reason: string): void {
    if (assignment?.end(reason)) this.#host.handlers.report({ is: 'assignment-ended', epoch: assignment.epoch, reason })
  }

  /** The broker ended the membership: kafkajs learns it with its next heartbeat and rejoins. */
  #endUntilJoin(assignment: OwnedAssignment, reason: string): void {
    this.#end(assignment, reason)
    if (assignment !== this.#assignment || this.#joining) return
    this.#nextJoin.begin()
    this.pause()
  }

  #reassign(): void {
    const current = this.#assignment
    if (current && !this.#joining && !this.#isDraining) this.#own(current.partitions, current.memberId)
  }

  /** Begins an epoch. Synchronous up to the pause: kafkajs fetches right after its join event. */
  #own(partitions: readonly number[], memberId: string): void {
    this.#end(this.#assignment, 'the assignment is restarted')
    const assignment = new OwnedAssignment({ epoch: this.#host.nextEpoch(), topic: this.#options.topic, partitions, memberId })
    this.#assignment = assignment
    this.pause()
    this.#host.handlers.report({ is: 'joined', epoch: assignment.epoch, partitions, memberId })
    void this.#setStartOffsets(assignment)
  }

  async #setStartOffsets(assignment: OwnedAssignment): Promise<void> {
    const isOver = () => assignment !== this.#assignment || assignment.ended || this.#isDraining
    const seek = (partition: number, start: bigint) => this.#seek(assignment, partition, start)
    if (!(await seekToProgress(assignment, this.#host, { isOver, seek }))) return
    if (!this.#host.isPaused()) this.resume()
    this.#host.onStartOffsetsSet()
  }

  /** kafkajs continues after a fetch without records for the application, and emits no event with the offsets. */
  #onPassed(partition: number, from: bigint, next: bigint): void {
    const assignment = this.#assignment
    if (this.#isDraining || this.#joining || this.#nextJoin.isAwaited || !assignment || assignment.ended) return
    if (!assignment.continuesAt(partition, from)) return
    assignment.passTo(partition, next)
    this.#host.handlers.report({ is: 'passed', partition, from, next })
  }

  /** Returning without resolving makes kafkajs fetch the same batch again. An error thrown here would crash the consumer. */
  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const { partition } = payload.batch
    await this.#running.get(partition)
    const assignment = this.#assignment
    if (this.#isDraining || this.#joining || this.#nextJoin.isAwaited || !assignment) return
    if (assignment.ended || !assignment.continuesAt(partition, fetchedFrom(payload.batch))) {
      // A pending seek explains a batch from another offset. Otherwise the offset was out of range and kafkajs went to the oldest record, or
      // the session expired and the broker accepted the member again without a join: the handlers return the start offsets.
      if (!payload.isStale()) this.#own(assignment.partitions, assignment.memberId)
      return
    }
    const { heartbeatIntervalMs: intervalMs, clock } = this.#options
    const work = withHeartbeats(() => this.#handle(payload, assignment), {
      intervalMs,
      clock,
      heartbeat: () => payload.heartbeat(),
      onFailed: (error, silentMs) => this.#heartbeatFailed(assignment, error, silentMs),
    })
    this.#running.set(partition, work)
    await work
    this.#running.delete(partition)
  }

  async #handle(payload: EachBatchPayload, assignment: OwnedAssignment): Promise<void> {
    const { clock, random, maxEventBytes } = this.#options
    const over = AbortSignal.any([assignment.signal, this.#draining.signal])
    let release: (() => void) | null = null
    try {
      release = await this.#host.unpacked.acquire(heldBytes(payload.batch, maxEventBytes), over)
      if (release === null) return
      for await (const slice of slicesOf(payload.batch, maxEventBytes)) if (!(await this.#handleSlice(payload, assignment, slice))) break
      this.#escapes = 0
      this.#host.onProgress()
    } catch (error) {
      this.#host.handlers.report({ is: 'handler-escaped', error: asError(error), partition: payload.batch.partition })
      this.#escapes += 1
      release?.()
      await clock.sleep(backoff(this.#escapes, { baseMs: 100, maxMs: 5_000, random }), over)
    } finally {
      release?.()
    }
  }

  /** Returns whether the partition continues with the next slice. */
  async #handleSlice(payload: EachBatchPayload, assignment: OwnedAssignment, slice: Slice): Promise<boolean> {
    const { topic, partition, highWatermark } = payload.batch
    // Slices left unread by a pause or a stop are fetched again, from the end of the last one handled.
    if (assignment.ended || this.#isDraining || this.#host.isPaused() || this.#host.held().has(partition)) return false
    const next = await this.#host.handlers.batch({ topic, partition, ...slice, highWatermark: BigInt(highWatermark), assignment })
    // A newer epoch has offsets of its own.
    if (assignment !== this.#assignment) return false
    if (next !== slice.nextOffset) {
      this.#seek(assignment, partition, next)
      return false
    }
    payload.resolveOffset(String(next - 1n))
    assignment.moveTo(partition, next)
    return true
  }

  #heartbeatFailed(assignment: OwnedAssignment, error: unknown, silentMs: number): void {
    this.#options.onMembership()
    if (endsMembership(error)) this.#endUntilJoin(assignment, 'the broker ended the membership')
    else if (silentMs >= this.#options.sessionTimeoutMs) this.#end(assignment, 'no heartbeat reached the broker for the session timeout')
  }

  #seek(assignment: OwnedAssignment, partition: number, offset: bigint): void {
    if (typeof offset !== 'bigint' || offset < 0n) throw new RangeError(`partition ${partition} cannot continue at ${String(offset)}`)
    this.#control.seek(partition, offset)
    assignment.moveTo(partition, offset)
  }
}

/**
 * Seeks the partitions of an assignment to the start offsets returned by the handlers. Resolves to false when the assignment has ended
 * meanwhile, or when the handlers refuse it, which is reported to the host.
 */
async function seekToProgress(
  assignment: OwnedAssignment,
  host: MemberHost,
  { isOver, seek }: { readonly isOver: () => boolean; readonly seek: (partition: number, start: bigint) => void },
): Promise<boolean> {
  try {
    const starts = await host.handlers.assigned(assignment)
    if (isOver()) return false
    for (const partition of assignment.partitions) {
      const start = starts.get(partition)
      if (start !== undefined) seek(partition, start)
    }
    return true
  } catch (error) {
    if (!isOver()) host.onRefused(asError(error))
    return false
  }
}
