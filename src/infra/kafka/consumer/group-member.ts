import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Consumer, EachBatchPayload } from 'kafkajs'
import { backoff } from '../../../std/backoff.ts'
import type { Assignment } from '../../../ingest/record-source.ts'
import { AwaitedJoin } from './awaited-join.ts'
import { asError, endsMembership } from '../client/client-error.ts'
import type { Commit } from '../patches/commit-path.ts'
import { createGroupConsumer, runConfig } from './group-consumer.ts'
import { withHeartbeats } from './heartbeats.ts'
import { markedOffsets } from '../client/marked-offsets.ts'
import type { MemberHost, MemberOptions } from './member-host.ts'
import { OwnedAssignment } from './owned-assignment.ts'
import { fetchedFrom, heldBytes, slicesOf, type Slice } from '../records/partition-batch.ts'
import { partitionControl, type PartitionControl } from './partition-control.ts'
import { place } from './seek-to-progress.ts'
import { withinDeadline } from '../../../std/within-deadline.ts'

/** How long a stop waits for the broker's part of a join or a leave before it cuts the connections. */
const LEAVE_GRACE_MS = 5_000

/** One kafkajs consumer, from its first connection to the crash or the stop that ends it. It is not used again. */
export class GroupMember {
  readonly #options: MemberOptions
  readonly #host: MemberHost
  readonly #consumer: Consumer
  readonly #control: PartitionControl
  readonly #cut: () => void
  readonly #over = Promise.withResolvers<Error | undefined>()
  readonly #draining = new AbortController()
  readonly #running = new Map<number, Promise<void>>()
  /** Set from JoinGroup to its end, in success or crash. */
  #joining: PromiseWithResolvers<void> | undefined
  #assignment: OwnedAssignment | undefined
  /** It commits in whatever generation the member is, hence the epoch check beside every call. */
  #commitThrough: Commit | undefined
  readonly #nextJoin = new AwaitedJoin()
  #escapes = 0

  constructor(options: MemberOptions, host: MemberHost) {
    this.#options = options
    this.#host = host
    const { consumer, cut } = createGroupConsumer(options, {
      log: (line) => host.handlers.report({ is: 'client-log', ...line }),
      beforeJoin: () => this.#beforeJoin(),
      watch: {
        joins: (commit) => (this.#commitThrough = commit),
        passes: (partition, from, next) => this.#passed(partition, from, next),
      },
      mayRestart: () => !this.#isDraining,
    })
    this.#consumer = consumer
    this.#control = partitionControl(consumer, options.topic)
    this.#cut = cut
    consumer.on('consumer.group_join', ({ payload }) => {
      this.#joinEnded()
      if (!this.#isDraining) this.#own(payload.memberAssignment[options.topic] ?? [], payload.memberId)
    })
    consumer.on('consumer.heartbeat', () => {
      if (this.#nextJoin.beatTaken()) this.#placeAnew()
    })
    consumer.on('consumer.crash', ({ payload }) => this.#crashed(payload.error, payload.restart))
  }

  /** Joins and consumes. Resolves with the error that killed it, or with nothing once it was told to leave. Never rejects. */
  async live(): Promise<Error | undefined> {
    try {
      await this.#consumer.connect()
      await this.#consumer.subscribe({ topics: [this.#options.topic], fromBeginning: true })
      if (this.#isDraining) return undefined
      await this.#consumer.run(runConfig((payload) => this.#eachBatch(payload)))
    } catch (error) {
      this.#cut()
      return asError(error)
    }
    return this.#over.promise
  }

  /** Stops fetching from all partitions. */
  hold(): void {
    this.#control.pause(this.#assignment?.partitions ?? [])
  }

  release(): void {
    if (this.#assignment && !this.#assignment.ended && !this.#isDraining) this.#control.resume(this.#assignment.placed())
  }

  /** See RecordSource.replace: what runs ends with its assignment, and the handlers say where to go on. */
  replace(): void {
    if (this.#assignment?.ended === false) this.#placeAnew()
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

  /** Takes no new batch and waits for those under way; the member stays in the group. */
  async drain(): Promise<void> {
    this.#draining.abort()
    this.hold()
    await Promise.all(this.#running.values())
  }

  /** Leaves the group and disconnects; after {@link drain}. A broker that does not answer in time is left without a word. */
  async leave(): Promise<void> {
    this.#end(this.#assignment, 'the source stops')
    if (this.#joining) {
      // kafkajs cannot stop a consumer in its first join: it would end up in the group with nobody to stop it.
      await withinDeadline(LEAVE_GRACE_MS, this.#joining.promise)
      await nextTurn()
    }
    await withinDeadline(
      LEAVE_GRACE_MS,
      this.#consumer.disconnect().catch(() => undefined), // kafkajs has logged it, and the cut ends what it could not
    )
    this.#cut()
    this.#over.resolve(undefined)
  }

  get #isDraining() {
    return this.#draining.signal.aborted
  }

  #beforeJoin(): void {
    this.#options.belongs()
    this.#end(this.#assignment, 'the member joins again')
    this.#nextJoin.end()
    if (this.#isDraining) throw Object.assign(new Error('the source stops'), { retriable: false })
    // A join from inside a fetch (leader moved, partitions added) leaves the other brokers' fetches running: nothing of that is ours now.
    this.hold()
    this.#joining ??= Promise.withResolvers()
  }

  #joinEnded(): void {
    this.#joining?.resolve()
    this.#joining = undefined
  }

  #crashed(error: Error, restarts: boolean): void {
    this.#joinEnded()
    this.#end(this.#assignment, 'the client crashed')
    if (this.#isDraining) return
    if (restarts) this.#host.restarting(error)
    else this.#over.resolve(error)
  }

  #end(assignment: OwnedAssignment | undefined, reason: string): void {
    if (assignment?.end(reason)) this.#host.handlers.report({ is: 'assignment-ended', epoch: assignment.epoch, reason })
  }

  /** The broker ended the membership: kafkajs hears it with its next heartbeat and joins again. */
  #endUntilJoin(assignment: OwnedAssignment, reason: string): void {
    this.#end(assignment, reason)
    if (assignment !== this.#assignment || this.#joining) return
    this.#nextJoin.begin()
    this.hold()
  }

  #placeAnew(): void {
    const current = this.#assignment
    if (current && !this.#joining && !this.#isDraining) this.#own(current.partitions, current.memberId)
  }

  /** Begins an epoch. Synchronous up to the pause: kafkajs fetches right after its join event. */
  #own(partitions: readonly number[], memberId: string): void {
    this.#end(this.#assignment, 'the partitions are placed anew')
    const assignment = new OwnedAssignment({ epoch: this.#host.nextEpoch(), topic: this.#options.topic, partitions, memberId })
    this.#assignment = assignment
    this.hold()
    this.#host.handlers.report({ is: 'joined', epoch: assignment.epoch, partitions, memberId })
    void this.#place(assignment)
  }

  async #place(assignment: OwnedAssignment): Promise<void> {
    const isOver = () => assignment !== this.#assignment || assignment.ended || this.#isDraining
    const seek = (partition: number, start: bigint) => this.#seek(assignment, partition, start)
    if (!(await place(assignment, this.#host, { isOver, seek }))) return
    if (!this.#host.isPaused()) this.release()
    this.#host.placed()
  }

  /** kafkajs goes on behind a fetch that holds nothing for us, and nobody else hears of it. */
  #passed(partition: number, from: bigint, next: bigint): void {
    const assignment = this.#assignment
    if (this.#isDraining || this.#joining || this.#nextJoin.isAwaited || !assignment || assignment.ended) return
    if (!assignment.continuesAt(partition, from)) return
    assignment.skipTo(partition, next)
    this.#host.handlers.report({ is: 'passed', partition, from, next })
  }

  /** Returning without resolving makes kafkajs fetch the same batch again. What is thrown from here kills the consumer. */
  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const { partition } = payload.batch
    await this.#running.get(partition)
    const assignment = this.#assignment
    if (this.#isDraining || this.#joining || this.#nextJoin.isAwaited || !assignment) return
    if (assignment.ended || !assignment.continuesAt(partition, fetchedFrom(payload.batch))) {
      // A seek that waits explains a batch from elsewhere. Else the offset was out of range and kafkajs went to the oldest record, or the
      // session lapsed and the broker took us back without a join: the handlers say where to go on.
      if (!payload.isStale()) this.#own(assignment.partitions, assignment.memberId)
      return
    }
    const { heartbeatIntervalMs: intervalMs, clock } = this.#options
    const work = withHeartbeats(() => this.#handle(payload, assignment), {
      intervalMs,
      clock,
      beat: () => payload.heartbeat(),
      failed: (error, silentMs) => this.#beatFailed(assignment, error, silentMs),
    })
    this.#running.set(partition, work)
    await work
    this.#running.delete(partition)
  }

  async #handle(payload: EachBatchPayload, assignment: OwnedAssignment): Promise<void> {
    const { clock, random, maxEventBytes } = this.#options
    const over = AbortSignal.any([assignment.signal, this.#draining.signal])
    let giveBack: (() => void) | null = null
    try {
      giveBack = await this.#host.unpacked.hold(heldBytes(payload.batch, maxEventBytes), over)
      if (giveBack === null) return
      for await (const slice of slicesOf(payload.batch, maxEventBytes)) if (!(await this.#handleSlice(payload, assignment, slice))) break
      this.#escapes = 0
      this.#host.progressed()
    } catch (error) {
      this.#host.handlers.report({ is: 'handler-escaped', error: asError(error), partition: payload.batch.partition })
      this.#escapes += 1
      giveBack?.()
      await clock.sleep(backoff(this.#escapes, { baseMs: 100, maxMs: 5_000, random }), over)
    } finally {
      giveBack?.()
    }
  }

  /** Returns whether the partition goes on with the next slice. */
  async #handleSlice(payload: EachBatchPayload, assignment: OwnedAssignment, slice: Slice): Promise<boolean> {
    const { topic, partition, highWatermark } = payload.batch
    // What a pause or a stop finds unread is fetched anew, from where the last slice ended.
    if (assignment.ended || this.#isDraining || this.#host.isPaused()) return false
    const next = await this.#host.handlers.batch({ topic, partition, ...slice, highWatermark: BigInt(highWatermark), assignment })
    // A newer epoch has positions of its own.
    if (assignment !== this.#assignment) return false
    if (next !== slice.nextOffset) {
      this.#seek(assignment, partition, next)
      return false
    }
    payload.resolveOffset(String(next - 1n))
    assignment.moveTo(partition, next)
    return true
  }

  #beatFailed(assignment: OwnedAssignment, error: unknown, silentMs: number): void {
    this.#options.belongs()
    if (endsMembership(error)) this.#endUntilJoin(assignment, 'the broker ended the membership')
    else if (silentMs >= this.#options.sessionTimeoutMs) this.#end(assignment, 'no heartbeat reached the broker for the session timeout')
  }

  #seek(assignment: OwnedAssignment, partition: number, offset: bigint): void {
    if (typeof offset !== 'bigint' || offset < 0n) throw new RangeError(`partition ${partition} cannot go on at ${String(offset)}`)
    this.#control.seek(partition, offset)
    assignment.moveTo(partition, offset)
  }
}
