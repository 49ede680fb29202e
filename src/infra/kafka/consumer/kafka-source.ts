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
  /** How long the broker waits for a heartbeat before it gives the partitions to others. */
  readonly sessionTimeoutMs: number
  /** At most a third of the session timeout. */
  readonly heartbeatIntervalMs: number
  /** How long a join waits for members that still work on a batch; 60 s when not given. */
  readonly rebalanceTimeoutMs?: number
  /** How long the broker holds a fetch that finds nothing; it bounds how late a resume and a stop take effect. 250 ms when not given. */
  readonly maxWaitMs?: number
  /** Of one fetch, before it is decompressed; 1 MiB when not given. A larger first record comes all the same. */
  readonly maxBytesPerPartition?: number
  /** The same for all partitions of a broker together; 10 MiB when not given. What was fetched is handled before more is asked for. */
  readonly maxBytes?: number
  /** A compressed record with a larger value comes without it, marked by `omittedBytes`; 1 MiB when not given. */
  readonly maxEventBytes?: number
  /** What bounds the unpacked records that are held; one for the whole process, 32 MiB, when not given. */
  readonly unpackBudget?: UnpackBudget
  /**
   * Crashes in a row, without a batch handled between them, after which the source gives up. Brokers that refuse the login, this group or
   * its topic do not count: it goes on trying, and the handlers hear of it. Outages do not count once it has joined.
   */
  readonly crashLimit: number
  readonly random?: () => number
  readonly clock?: Clock
}

/**
 * The log as kafkajs reads it: one group, one topic, one member. Behind it a chain of kafkajs consumers: one that is dead for good is
 * replaced by a new one, with a Kafka object of its own, after a backoff.
 *
 * `start` also rejects when `stop` comes before the first join. A batch under way when `stop` is called is not aborted: its caller must let
 * it end.
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
    onActivity: () => void (beats += 1),
    onMembership: () => void (heartbeats += 1),
  }
  const unpacked = (options.unpackBudget ?? processBudget).share()
  const started = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  // Who holds neither promise when it rejects has the other one, or the reports.
  for (const { promise } of [started, ended]) promise.catch(() => undefined)
  const stopping = new AbortController()
  let member: GroupMember | undefined
  let stopped: Promise<void> | undefined
  let isPaused = false
  let hasJoined = false
  let epoch = 0
  let crashes = 0
  let rebuilds = 0
  let beats = 0
  let heartbeats = 0

  /** Counts a crash and tells it; false when it was one too many. */
  function survives(handlers: SourceHandlers, thrown: Error, rebuildInMs: number): boolean {
    beats += 1
    heartbeats += 1
    // A password that was changed, a right that was taken away: kafkajs gives up at once, and we wait until somebody has mended it.
    const { settings, groupId: group, topic, sessionTimeoutMs } = options
    const refused = accessRefused(thrown, settings) ?? groupRefused(thrown, settings, { group, topic, sessionTimeoutMs })
    const error = refused ?? thrown
    const passes = refused === null ? hasJoined && isBrokerTrouble(thrown) : !isSettingRefused(thrown)
    if (!passes) crashes += 1
    handlers.report({ is: 'crashed', error, rebuildInMs, crashes })
    // Looked for twice: a broker hears of a topic a moment after another one has acknowledged its creation.
    const isMissing = !hasJoined && crashes > 1 && isBrokerError(error, 'UNKNOWN_TOPIC_OR_PARTITION')
    if (crashes < options.crashLimit && !isMissing) return true
    fail(givenUp(error, options))
    return false
  }

  async function live(handlers: SourceHandlers): Promise<void> {
    while (!stopping.signal.aborted) {
      beats += 1
      member = new GroupMember(memberOptions, {
        handlers,
        isPaused: () => isPaused,
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
      void live(guarded(handlers))
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
    restartAssignment: () => member?.restartAssignment(),
    commit: async (assignment, offsets) => (await member?.commit(assignment, offsets)) ?? false,
    activity: () =>
      beats === 0 || stopping.signal.aborted
        ? null
        : { fetches: beats, heartbeats, withinMs: LONGEST_SILENCE_MS + memberOptions.rebalanceTimeoutMs },
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

/** Bytes of unpacked records, over all groups: about eight partitions each can be read at once, more than can be written at once. */
const processBudget = createUnpackBudget(33_554_432)

/** An error of an observer must not reach kafkajs, whose events and logs call it: it would crash the consumer. */
function guarded(handlers: SourceHandlers): SourceHandlers {
  return {
    assigned: (assignment) => handlers.assigned(assignment),
    batch: (batch) => handlers.batch(batch),
    report: (report) => {
      try {
        handlers.report(report)
      } catch {
        // There is no one left to report it to.
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
