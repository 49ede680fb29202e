import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openDatabase } from '../../src/infra/postgres/client/postgres-database.ts'
import type { Publisher } from '../../src/events/publisher.ts'
import type { Sql } from '../../src/std/sql.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { cpuMicros } from '../measure/process-usage.ts'
import { monotonicMs } from '../sinks/arrivals.ts'
import { daemonEnvironment, groupPrefix, type Contender, type RunningWorker, type Work } from './contenders.ts'
import { createFeed } from './events.ts'
import type { Servers } from './servers.ts'

/** CPU used so far, in microseconds, and when that was, in milliseconds of the monotonic clock. */
export interface Usage {
  readonly worker: number
  readonly database: number
  readonly sinks: number
  readonly at: number
}

/** One contender at work on a database and a topic. */
export interface Run {
  /** The one that runs now. */
  readonly worker: RunningWorker
  readonly feed: Publisher
  readonly sql: Sql
  /** Of the ids of its groups, where they are ours. */
  readonly prefix: string
  usage(): Promise<Usage>
  /** What `workerctl` prints on the same database and topic. Rejects when its exit code is not 0. */
  workerctl(...args: readonly string[]): Promise<string>
  /** Stops the worker and starts another, with the same groups on the same topic and database. */
  restart(): Promise<void>
}

/** Called around what is measured, for a profile. */
export interface Probe {
  begin(databaseUrl: string): Promise<void>
  end(databaseUrl: string): Promise<void>
}

export interface RunOptions {
  readonly work: Work
  readonly fsync: boolean
  /** In the database. */
  readonly people: number
  /** An existing topic; without, one of its own. */
  readonly topic?: string
  readonly events?: number
}

const workerctl = fileURLToPath(new URL('../../cmd/workerctl/main.ts', import.meta.url))

/** Starts a contender on a fresh database, does `measure`, stops it and drops the database. `measure` may stop it before. */
export async function withWorker<T>(
  servers: Servers,
  contender: Contender,
  options: RunOptions,
  measure: (run: Run, databaseUrl: string) => Promise<T>,
): Promise<T> {
  const { work, fsync, people, events = 0 } = options
  const suffix = `-${randomUUID().slice(0, 8)}`
  const prefix = groupPrefix(suffix)
  const topic = options.topic ?? (await servers.topic())
  if (contender.name === 'ours') await servers.deadLetterTopics(topic, prefix)
  const postgres = await servers.postgres(fsync)
  const database = await servers.database(fsync, people)
  // Late arrivals of the previous run.
  await servers.sinks.take()
  const { folder, brokers, sinks } = servers
  const job = { work, brokers, topic, suffix, databaseUrl: database.url, sinks: sinks.ports, events, folder }
  const looking = openDatabase({
    connection: { connectionString: database.url },
    max: 1,
    applicationName: 'bench',
    statementTimeoutMs: 60_000,
    connectTimeoutMs: 10_000,
  })
  try {
    let worker = await contender.start(job)
    try {
      const usage = async (): Promise<Usage> => {
        const pids = [worker.pid, postgres.pid() ?? 0, sinks.pid]
        const [ofWorker = 0, ofDatabase = 0, ofSinks = 0] = await Promise.all(pids.map(cpuMicros))
        return { worker: ofWorker, database: ofDatabase, sinks: ofSinks, at: monotonicMs() }
      }
      const run: Run = {
        get worker() {
          return worker
        },
        feed: createFeed(servers.producer, topic),
        sql: looking.sql,
        prefix,
        usage,
        workerctl: async (...args) => {
          const { stdout } = await promisify(execFile)(process.execPath, [workerctl, ...args], {
            env: cleanEnvironment(daemonEnvironment(job)),
          })
          return stdout
        },
        async restart() {
          await worker.stop()
          worker = await contender.start(job)
        },
      }
      return await measure(run, database.url)
    } finally {
      await worker.stop()
    }
  } finally {
    await looking.end()
    await database.drop()
  }
}

/** Often enough: rates are taken from the times of arrival, and each look costs the sinks. */
const LOOK_MS = 100
const STALL_MS = 60_000

/**
 * Looks until `progress` says that all is done.
 *
 * @param progress how far it is; equal values for a minute are a stall
 * @throws {Error} the worker ended, or nothing moved for a minute
 */
export async function untilDone(what: string, worker: RunningWorker, goal: number, progress: () => Promise<number>): Promise<void> {
  let [last, movedAt] = [-1, performance.now()]
  for (;;) {
    const now = await progress()
    if (now >= goal) return
    await worker.requireRunning()
    if (now !== last) [last, movedAt] = [now, performance.now()]
    if (performance.now() - movedAt > STALL_MS) {
      throw new Error(
        `${what}: ${now} of ${goal} after a minute in which nothing came. Its last lines:\n${(await worker.output()).slice(-2_000)}`,
      )
    }
    await pause(LOOK_MS)
  }
}
