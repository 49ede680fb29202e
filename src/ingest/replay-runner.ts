import { OperatorError, messageOf } from '../std/failure.ts'
import type { Clock } from '../std/clock.ts'
import type { Consumer } from '../model/consumer.ts'
import type { Observe } from '../model/fact.ts'
import type { LogAdmin } from './log-admin.ts'
import type { ChunkReader } from './read-chunks.ts'
import type { ReplayJob, ReplayJobs, ReplayLoss, ReplayRange } from './replay-job.ts'
import { lossesOf } from './replay-loss.ts'
import { readReplay, type RangeReader, type ReplayStore } from './replay-reading.ts'

/** How long a job is kept from other processes after the last turn. A turn is made every second. Milliseconds. */
const LEASE_MS = 15_000

export interface ReplayRunnerSettings {
  /** The groups that this process runs, by their ids. */
  readonly groups: ReadonlyMap<
    string,
    { readonly consumer: Consumer; readonly reader: Omit<ChunkReader, 'consumer' | 'filter' | 'selects'> }
  >
  readonly jobs: ReplayJobs
  /** Whether an operator has paused the group: none of its jobs is done meanwhile. */
  readonly isPaused: (group: string) => boolean
  /** Where a claimed job writes. */
  readonly storeOf: (job: ReplayJob) => ReplayStore
  readonly read: RangeReader
  readonly admin: Pick<LogAdmin, 'ranges' | 'topicId'>
  /** Recorded as the owner of the job. */
  readonly owner: string
  readonly clock: Clock
  readonly observe: Observe
}

/** Does the replays that operators ordered, one at a time. */
export interface ReplayRunner {
  /**
   * Renews the lease of the job at hand and releases the next of its intents, or claims a job. The job of a group that is paused is given back.
   * To be called every second. Rejects when the database does not answer; the next call is the retry.
   */
  turn(): Promise<void>
  /** Whether a job is at hand. */
  isBusy(): boolean
  /** `true`: claims no job, and gives back the one at hand. */
  quiet(on: boolean): void
  /** Gives the job back; another process continues at its cursor. Resolves when nothing of it is under way. */
  stop(): Promise<void>
}

interface Running {
  readonly job: ReplayJob
  readonly over: AbortController
  readonly reading: Promise<void>
  /** Read to its end, and written so. */
  isRead: boolean
}

export function createReplayRunner(settings: ReplayRunnerSettings): ReplayRunner {
  const { groups, jobs, owner, clock, observe } = settings
  let running: Running | null = null
  let isQuiet = false
  let stopping = false

  async function turn(): Promise<void> {
    if (running === null) {
      if (isQuiet || stopping) return
      const free = [...groups.keys()].filter((group) => !settings.isPaused(group))
      const job = free.length === 0 ? null : await jobs.claim(free, owner, LEASE_MS)
      if (job === null) return
      // Ordered to stop meanwhile.
      if (isQuiet || stopping) return jobs.release(job.claim)
      report(job, 'claimed')
      const over = new AbortController()
      const reading = read(job, over.signal).then((isRead) => void (now.isRead = isRead))
      const now: Running = { job, over, reading, isRead: false }
      running = now
      return
    }
    const { job, isRead } = running
    if (settings.isPaused(job.group)) {
      await giveBack()
      report(job, 'lost')
      return
    }
    const turned = await jobs.turn(job, LEASE_MS)
    // A failover has lost what was written: the process that claims the job next continues at its cursors as they are now.
    const isSetBack = turned.is === 'turned' && isRead && !turned.isRead
    if (isSetBack) await giveBack()
    else if (turned.is === 'turned' && turned.left) return
    report(job, turned.is === 'lost' || isSetBack ? 'lost' : 'done')
    await end()
  }

  /** Resolves to whether the job was read to its end and that is written. Never rejects. */
  async function read(job: ReplayJob, signal: AbortSignal): Promise<boolean> {
    try {
      const group = groups.get(job.group)
      if (group === undefined) throw new Error(`a job of group ${job.group} was claimed`)
      const reader = { ...group.reader, chunkEvents: Math.min(group.reader.chunkEvents, job.eventRate) }
      const store = settings.storeOf(job)
      const pace = paceOf(job.eventRate, clock, signal)
      const reading = { ...job, consumer: group.consumer, reader, store, pace, read: settings.read, clock }
      for (let ranges: readonly ReplayRange[] | null = job.ranges; ; ranges = await jobs.ranges(job.claim)) {
        if (ranges === null) return false
        // Looked at once more after they were read: a failover may have set a cursor back meanwhile.
        if (ranges.every(({ next, to }) => next >= to)) break
        const losses = await lossesNow({ ...job, ranges })
        if (losses.length > 0) {
          await jobs.lost(job.claim, losses)
          continue
        }
        const over = new AbortController()
        const either = AbortSignal.any([signal, over.signal])
        const watching = untilCut(job, either).finally(() => over.abort())
        const end = await readReplay({ ...reading, ranges }, either).finally(() => over.abort())
        const wasCut = await watching
        if (end !== 'read' && (!wasCut || signal.aborted)) return false
      }
      await jobs.wasRead(job.claim)
      report(job, 'read')
      return true
    } catch (error) {
      if (signal.aborted) return false
      report(job, 'failed', messageOf(error))
      // The database may be away, too: the lease expires then.
      await (
        error instanceof OperatorError
          ? jobs.fail(job.claim, error.message)
          : clock.sleep(RETRY_MS, signal).then(() => jobs.release(job.claim))
      ).catch(() => undefined)
      return false
    }
  }

  /** @throws {OperatorError} the topic is another one than that of the plan. */
  async function lossesNow({ topic, topicId, ranges }: Pick<ReplayJob, 'topic' | 'topicId' | 'ranges'>): Promise<readonly ReplayLoss[]> {
    if (ranges.every(({ next, to }) => next >= to)) return []
    if (topicId !== null && (await settings.admin.topicId(topic)) !== topicId) {
      throw new OperatorError(`Topic ${topic} was recreated since the plan, so the range is gone: plan another replay.`)
    }
    return lossesOf(ranges, await settings.admin.ranges(topic))
  }

  /** Whether the log was cut where the job still has to read, or recreated: it would wait there without end. Never rejects. */
  async function untilCut(job: ReplayJob, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      await clock.sleep(LOOK_MS, signal).catch(() => undefined)
      if (signal.aborted) return false
      try {
        const ranges = await jobs.ranges(job.claim)
        if (ranges === null) return false
        if ((await lossesNow({ ...job, ranges })).length > 0) return true
      } catch (error) {
        // Without the brokers or the database the next look is the retry.
        if (error instanceof OperatorError) return true
      }
    }
  }

  async function end(): Promise<void> {
    if (running === null) return
    const { over, reading } = running
    over.abort()
    await reading
    running = null
  }

  async function giveBack(): Promise<void> {
    const claim = running?.job.claim
    await end()
    // Without the database the lease expires.
    if (claim !== undefined) await jobs.release(claim).catch(() => undefined)
  }

  function report(
    { id: job, group }: ReplayJob,
    what: 'claimed' | 'read' | 'done' | 'lost' | 'failed',
    detail: string | null = null,
  ): void {
    observe({ is: 'replay', group, job, what, detail })
  }

  return {
    turn,
    isBusy: () => running !== null,
    quiet(on) {
      isQuiet = on
      if (on) void giveBack()
    },
    async stop() {
      stopping = true
      await giveBack()
    },
  }
}

/** How often a log is looked at whose records a job waits for. Milliseconds. */
const LOOK_MS = 10_000

/** How long a job whose topic cannot be read is kept before it is tried again. Milliseconds. */
const RETRY_MS = 5_000

/** Waits so that no more than `rate` events a second pass. */
function paceOf(rate: number, clock: Clock, signal: AbortSignal): (events: number) => Promise<void> {
  let free = clock.monotonic()
  return async (events) => {
    const waitMs = free - clock.monotonic()
    if (waitMs > 0) await clock.sleep(waitMs, signal)
    free = Math.max(free, clock.monotonic()) + (events / rate) * 1_000
  }
}
