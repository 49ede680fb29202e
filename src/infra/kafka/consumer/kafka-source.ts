import { backoff } from '../../../std/backoff.ts'
import { systemClock } from '../../../std/clock.ts'
import type { Clock } from '../../../std/clock.ts'
import { OperatorError } from '../../../std/failure.ts'
import { LogAccessRefused } from '../../../ingest/log-admin.ts'
import type { RecordSource, SourceHandlers } from '../../../ingest/record-source.ts'
import { accessRefused, groupRefused, isSettingRefused } from '../client/broker-refusal.ts'
import { isBrokerError, isBrokerTrouble } from '../client/client-error.ts'
import type { KafkaSettings } from '../client/kafka-client.ts'
import { GroupMember } from './group-member.ts'
import { createUnpackBudget, type UnpackBudget } from '../records/unpack-budget.ts'

export interface KafkaSourceOptions {
  readonly settings: KafkaSettings
  readonly groupId: string
  readonly topic: string
  /** How long the broker waits for a heartbeat before it assigns the partitions to other members. */
  readonly sessionTimeoutMs: number
  /** At most a third of the session timeout. */
  readonly heartbeatIntervalMs: number
  /** How long a join waits for members that are still handling a batch. Default: 60 s. */
  readonly rebalanceTimeoutMs?: number
  /** How long the broker holds a fetch without records; it bounds the delay of a resume and of a stop. Default: 250 ms. */
  readonly maxWaitMs?: number
  /** Compressed bytes of one partition per fetch. A larger first record is fetched nevertheless. Default: 1 MiB. */
  readonly maxBytesPerPartition?: number
  /** Compressed bytes of all partitions of a broker per fetch. A fetch is handled before the next one is sent. Default: 10 MiB. */
  readonly maxBytes?: number
  /** A compressed record with a larger value arrives without the value and with `omittedBytes`. Default: 1 MiB. */
  readonly maxEventBytes?: number
  /** Limits the unpacked records that are held. Default: one budget of 32 MiB for the whole process. */
  readonly unpackBudget?: UnpackBudget
  /**
   * Consecutive crashes without a handled batch after which the source ends. Refusals of the login, the group or its topic do not count: they
   * are reported, and the source keeps trying. Outages do not count after the first join.
   */
  readonly crashLimit: number
  readonly random?: () => number
  readonly clock?: Clock
}

/**
 * A record source over kafkajs: one group, one topic, one member. A kafkajs consumer that has ended permanently is replaced, after a backoff,
 * by a new one with its own Kafka object.
 *
 * `start` also rejects when `stop` is called before the first join. `stop` does not abort a batch in flight, and waits for it.
 */
export function createKafkaSource(options: KafkaSourceOptions): RecordSource {
  const clock = options.clock ?? systemClock
  const random = options.random ?? Math.random
  const memberOptions = {
    rebalanceTimeoutMs: 60_000,
    maxWaitMs: 250,
    maxBytesPerPartition: 1_048_576,
    maxBytes: 10_485_760,
    maxEventBytes: 1_048_576,
    ...options,
    clock,
    random,
    onActivity: () => void (activity += 1),
    onMembership: () => void (heartbeats += 1),
  }
  const unpacked = (options.unpackBudget ?? processBudget).share()
  const started = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  // A rejection that no caller awaits is not unhandled: the other promise or the reports carry the same error.
  for (const { promise } of [started, ended]) promise.catch(() => undefined)
  const stopping = new AbortController()
  let member: GroupMember | undefined
  let stopped: Promise<void> | undefined
  let isPaused = false
  let held: ReadonlySet<number> = new Set()
  let hasJoined = false
  let epoch = 0
  let crashes = 0
  let rebuilds = 0
  let activity = 0
  let heartbeats = 0

  /** Counts and reports a crash; returns false when the source has ended with it. */
  function survives(handlers: SourceHandlers, thrown: Error, rebuildInMs: number): boolean {
    activity += 1
    heartbeats += 1
    // A changed password or a revoked right: kafkajs gives up at once; the source keeps trying until an operator has fixed it.
    const { settings, groupId: group, topic, sessionTimeoutMs } = options
    const refused = accessRefused(thrown, settings) ?? groupRefused(thrown, settings, { group, topic, sessionTimeoutMs })
    const error = refused ?? thrown
    const isExempt = refused === null ? hasJoined && isBrokerTrouble(thrown) : !isSettingRefused(thrown)
    if (!isExempt) crashes += 1
    handlers.report({ is: 'crashed', error, rebuildInMs, crashes })
    // Looked up twice: a broker learns of a topic a moment after another one has acknowledged its creation.
    const isMissing = !hasJoined && crashes > 1 && isBrokerError(error, 'UNKNOWN_TOPIC_OR_PARTITION')
    if (crashes < options.crashLimit && !isMissing) return true
    fail(givenUp(error, options))
    return false
  }

  async function run(handlers: SourceHandlers): Promise<void> {
    while (!stopping.signal.aborted) {
      activity += 1
      member = new GroupMember(memberOptions, {
        handlers,
        isPaused: () => isPaused,
        held: () => held,
        unpacked,
        nextEpoch: () => (epoch += 1),
        onStartOffsetsSet: () => {
          hasJoined = true
          started.resolve()
        },
        onProgress: () => {
          crashes = 0
          rebuilds = 0
        },
        onRestart: (error) => void survives(handlers, error, RESTART_MS),
        onRefused: fail,
      })
      const error = await member.run()
      if (!error || stopping.signal.aborted) return
      rebuilds += 1
      const rebuildInMs = backoff(rebuilds, { baseMs: 500, maxMs: 30_000, random })
      if (!survives(handlers, error, rebuildInMs)) return
      await clock.sleep(rebuildInMs, stopping.signal)
    }
  }

  function fail(reason: Error): void {
    if (stopped) return
    stopped = finish()
    void stopped.finally(() => {
      started.reject(reason)
      ended.reject(reason)
    })
  }

  async function finish(flush?: () => Promise<void>): Promise<void> {
    stopping.abort()
    await member?.drain()
    try {
      await flush?.()
    } finally {
      await member?.leave()
    }
  }

  return {
    ended: ended.promise,
    start: (handlers) => {
      void run(guarded(handlers))
      return started.promise
    },
    pause: () => {
      isPaused = true
      member?.pause()
    },
    resume: () => {
      isPaused = false
      member?.resume()
    },
    hold: (partitions) => {
      held = partitions
      member?.applyHold()
    },
    restartAssignment: () => member?.restartAssignment(),
    commit: async (assignment, offsets) => (await member?.commit(assignment, offsets)) ?? false,
    activity: () =>
      activity === 0 || stopping.signal.aborted
        ? null
        : { fetches: activity, heartbeats, withinMs: LONGEST_SILENCE_MS + memberOptions.rebalanceTimeoutMs },
    stop: (flush) => {
      if (!stopped) {
        stopped = finish(flush)
        void stopped.then(noop, noop).then(() => {
          started.reject(new Error('the source was stopped before it had joined'))
          ended.resolve()
        })
      }
      return stopped
    },
  }
}

/** Bytes of unpacked records over all groups: about eight partitions each can be read at once, more than can be written at once. */
const processBudget = createUnpackBudget(33_554_432)

/** Keeps exceptions of a report handler away from kafkajs, whose events and logs call it: they would crash the consumer. */
function guarded(handlers: SourceHandlers): SourceHandlers {
  return {
    assigned: (assignment) => handlers.assigned(assignment),
    batch: (batch) => handlers.batch(batch),
    report: (report) => {
      try {
        handlers.report(report)
      } catch {
        // The handler that failed is the one that errors are reported to.
      }
    },
  }
}

/** The shortest pause before kafkajs restarts by itself; milliseconds. */
const RESTART_MS = 300

/** A request that times out (30 s), and the longest pause before a retry, kafkajs's or ours (30 s). */
const LONGEST_SILENCE_MS = 60_000

const noop = () => undefined

function givenUp(error: Error, { topic, groupId, settings }: KafkaSourceOptions): Error {
  if (isBrokerError(error, 'UNKNOWN_TOPIC_OR_PARTITION'))
    return new OperatorError(`topic "${topic}" does not exist on ${settings.brokers.join(', ')}: create it with \`workerctl topics apply\``)
  if (error instanceof LogAccessRefused) return error
  return new Error(`group "${groupId}" cannot continue on topic "${topic}": ${error.message}`, { cause: error })
}
