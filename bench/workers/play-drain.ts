import { setTimeout as pause } from 'node:timers/promises'
import { residentMebibytes } from '../measure/process-usage.ts'
import type { Contender, RunningWorker } from './contenders.ts'
import { createFeed, oldEvent } from './events.ts'
import type { Figures } from './figures.ts'
import { accepted, goTypes, handledBy, hasUnfinished, ourTypes, wrongDrain } from './rows.ts'
import type { Servers } from './servers.ts'
import { untilDone, withWorker, type Probe, type Run } from './with-worker.ts'

/** Events in one call of the publisher. */
const BLOCK = 1_000

/**
 * A topic that holds so many old events, each once.
 *
 * @throws {Error} the publisher had to send some again, which is its right and would be counted as more work
 */
export async function fillTopic(servers: Servers, events: number): Promise<string> {
  const topic = await servers.topic()
  const feed = createFeed(servers.producer, topic)
  for (let from = 0; from < events; from += BLOCK) {
    await feed.publishMany(Array.from({ length: Math.min(BLOCK, events - from) }, (_, index) => oldEvent(from + index)))
  }
  const ranges = await servers.admin.ranges(topic)
  const records = [...ranges.values()].reduce((sum, { low, high }) => sum + Number(high - low), 0)
  if (records !== events) throw new Error(`The topic holds ${records} records in place of ${events}: some were sent twice. Run it again.`)
  return topic
}

export interface Drain {
  readonly topic: string
  readonly events: number
  readonly fsync: boolean
  /** Measures a second drain, by groups that have all outcomes and no progress. */
  readonly again: boolean
  readonly probe?: Probe | undefined
}

/**
 * Three groups read the topic from its beginning. Ours is done when every event has its outcome in every group that handles it and no intent is
 * unfinished; measured from when it is ready, by what is left then. The others only parse and count, without a database.
 *
 * @throws {Error} an outcome is missing, something was sent, or less than half was left when ours was ready
 */
export async function playDrain(servers: Servers, contender: Contender, drain: Drain): Promise<Figures> {
  const { topic, events, fsync, again, probe } = drain
  return withWorker(servers, contender, { work: 'drain', fsync, people: 0, topic, events }, async (run, databaseUrl) => {
    if (contender.name !== 'ours') return counted(contender, run, events)
    if (again) {
      await untilDrained(run, events)
      await run.worker.stop()
      await run.sql.query('DELETE FROM worker.progress')
      await run.restart()
    }
    await probe?.begin(databaseUrl)
    const [before, earlier] = await Promise.all([run.usage(), accepted(run.sql)])
    await untilDrained(run, events)
    const after = await run.usage()
    await probe?.end(databaseUrl)
    const rssMiB = await residentMebibytes(run.worker.pid, 'peak')
    await run.worker.stop()
    const { mails, posts } = await servers.sinks.take()
    const sent = mails.numbers.length + posts.numbers.length
    const fault = sent > 0 ? `${sent} mails and webhooks were sent about old events.` : await wrongDrain(run.sql, run.prefix, events)
    if (fault !== null) throw new Error(`ours, drain: ${fault}`)
    // Groups begin before the whole daemon is ready, and one of several processes long before the last.
    const measured = events - earlier / 3
    if (measured < events / 2) throw new Error('ours, drain: it had read most of the topic before it was ready. Take more events.')
    return {
      cpuUs: (after.worker - before.worker) / measured,
      databaseCpuUs: (after.database - before.database) / measured,
      sinkCpuUs: null,
      perSecond: (measured * 1_000) / (after.at - before.at),
      p50Ms: null,
      p99Ms: null,
      rssMiB,
    }
  })
}

async function untilDrained({ worker, sql }: Run, events: number): Promise<void> {
  await untilDone('ours, drain', worker, 3 * events, () => accepted(sql))
  while (await hasUnfinished(sql)) {
    await worker.requireRunning()
    await pause(20)
  }
}

interface Counted {
  readonly handled: Readonly<Record<string, number>>
  /** Said by the Go programs, which end with their result: CPU of the whole process, and from the first record to the last. */
  readonly cpu_us_per_event?: number
  readonly drain_s?: number
}

async function counted(
  contender: Contender,
  { worker, usage }: { readonly worker: RunningWorker; readonly usage: () => Promise<{ readonly worker: number; readonly at: number }> },
  events: number,
): Promise<Figures> {
  const before = contender.name === 'go' ? null : await usage()
  let rssMiB: number | null = null
  let result: Counted | null = null
  while (result === null) {
    rssMiB = (await residentMebibytes(worker.pid, 'peak')) ?? rssMiB
    // In this order: a Go program ends right after its result.
    const mayWrite = worker.running()
    result = resultIn(await worker.output())
    if (result === null && !mayWrite) await worker.requireRunning()
    await pause(20)
  }
  const after = before === null ? null : await usage()
  const wanted = Object.values(handledBy(contender.name === 'go' ? goTypes : ourTypes, events))
  const found = Object.values(result.handled)
  if (sorted(found) !== sorted(wanted)) {
    throw new Error(`${contender.name}, drain: its groups handled ${found.join(', ')} events in place of ${wanted.join(', ')}.`)
  }
  const none = { databaseCpuUs: null, sinkCpuUs: null, p50Ms: null, p99Ms: null, rssMiB }
  if (before === null || after === null) {
    const { cpu_us_per_event: cpuUs = Number.NaN, drain_s: seconds = Number.NaN } = result
    return { ...none, cpuUs, perSecond: events / seconds }
  }
  return { ...none, cpuUs: (after.worker - before.worker) / events, perSecond: (events * 1_000) / (after.at - before.at) }
}

/** The groups of a run have names of its own. */
function sorted(counts: readonly number[]): string {
  return counts.toSorted((one, other) => one - other).join()
}

function resultIn(output: string): Counted | null {
  const line = output
    .split('\n')
    .slice(0, -1)
    .find((line) => line.includes('"handled"'))
  if (line === undefined) return null
  const result: Counted = JSON.parse(line)
  return result
}
