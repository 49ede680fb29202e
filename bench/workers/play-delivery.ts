import { setTimeout as pause } from 'node:timers/promises'
import type { TypedInput } from '../../src/events/publisher-input.ts'
import type { Publisher } from '../../src/events/publisher.ts'
import { residentMebibytes } from '../measure/process-usage.ts'
import { quantile } from '../measure/quantile.ts'
import { monotonicMs, type Arrivals } from '../sinks/arrivals.ts'
import type { SinkReport } from '../sinks/main.ts'
import type { Contender } from './contenders.ts'
import { rewardEarned, signUp } from './events.ts'
import { notExactlyOnce } from './exactly-once.ts'
import type { Figures } from './figures.ts'
import { hasUnfinished, mailSteps, wrongRows, type MailSteps } from './rows.ts'
import type { Servers } from './servers.ts'
import { untilDone, withWorker, type Probe, type Run } from './with-worker.ts'

export interface Delivery {
  readonly work: 'mail' | 'webhooks'
  readonly fsync: boolean
  readonly count: number
  /** Events a second; as fast as they are acknowledged when not given. */
  readonly rate?: number | undefined
  readonly probe?: Probe | undefined
  /** Events before those that are measured; a share of `count` when not given. */
  readonly warmUp?: number
  /** Tenants of the database, where they are not those of every workload. */
  readonly tenants?: number
  /** Called with what the sinks took, warm-up included. */
  readonly onReport?: (report: SinkReport) => void
}

/** Events in one request to the broker. */
const BLOCK = 500

/**
 * From events to what the sinks take: first some to warm the worker up, then `count` that are measured, until the last has arrived and ours has
 * written its rows.
 *
 * @throws {Error} not every effect exists exactly once, in the sink and in the rows
 */
export async function playDelivery(servers: Servers, contender: Contender, delivery: Delivery): Promise<Figures> {
  const { work, fsync, count, rate, probe, tenants } = delivery
  const warmUp = delivery.warmUp ?? Math.max(rate ?? 50, Math.round(count / (rate === undefined ? 5 : 10)))
  const eventOf = (n: number) => (work === 'mail' ? signUp(n, tenants) : rewardEarned(n, tenants))
  const total = warmUp + count
  return withWorker(servers, contender, { work, fsync, people: total }, async (run, databaseUrl) => {
    const send = async (from: number, to: number) =>
      rate === undefined ? burst(run.feed, eventOf, from, to) : steadily(run.feed, eventOf, from, to, rate)
    const done = async (goal: number) => {
      await untilDone(
        `${contender.name}, ${work}`,
        run.worker,
        goal,
        async () => (await servers.sinks.counts())[work === 'mail' ? 'mails' : 'posts'],
      )
      while (contender.name === 'ours' && (await hasUnfinished(run.sql))) await pause(20)
    }
    await send(0, warmUp)
    await done(warmUp)
    await probe?.begin(databaseUrl)
    const before = await run.usage()
    const acknowledged = await send(warmUp, total)
    await done(total)
    const after = await run.usage()
    await probe?.end(databaseUrl)
    const rssMiB = await residentMebibytes(run.worker.pid, 'peak')
    await requireOrderlyEnd(contender, run)

    const report = await servers.sinks.take()
    delivery.onReport?.(report)
    const arrivals = work === 'mail' ? report.mails : report.posts
    const other = work === 'mail' ? report.posts : report.mails
    const faults = [
      notExactlyOnce(work === 'mail' ? 'mails' : 'webhooks', arrivals, total),
      notExactlyOnce(work === 'mail' ? 'webhooks' : 'mails', other, 0),
      report.unsigned === 0 ? null : `${report.unsigned} webhooks are not signed.`,
      await wrongRows(run.sql, contender.name, work, total),
    ].filter((fault) => fault !== null)
    if (faults.length > 0) throw new Error(`${contender.name}, ${work}: ${faults.join(' ')}`)
    const { latencies, lastAt } = timesOf(arrivals, acknowledged)
    const steps = contender.name === 'ours' && rate !== undefined ? stepFigures(await mailSteps(run.sql), acknowledged) : {}
    return {
      cpuUs: (after.worker - before.worker) / count,
      databaseCpuUs: (after.database - before.database) / count,
      sinkCpuUs: (after.sinks - before.sinks) / count,
      perSecond: (count * 1_000) / (lastAt - before.at),
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      ...steps,
      rssMiB,
    }
  })
}

/** A daemon that leaves work behind would look cheap. */
export async function requireOrderlyEnd(contender: Contender, { worker }: Run): Promise<void> {
  await worker.stop()
  const how = await worker.exited
  if (contender.name === 'ours' && how !== 'exit code 0') throw new Error(`ours ended with ${how} at its stop.`)
}

/** When each number was acknowledged, in milliseconds of the monotonic clock. */
type Acknowledged = ReadonlyMap<number, number>

type EventOf = (n: number) => TypedInput

async function burst(feed: Publisher, eventOf: EventOf, from: number, to: number): Promise<Acknowledged> {
  const acknowledged = new Map<number, number>()
  for (let at = from; at < to; at += BLOCK) {
    const numbers = range(at, Math.min(to, at + BLOCK))
    await feed.publishMany(numbers.map(eventOf))
    const now = monotonicMs()
    for (const number of numbers) acknowledged.set(number, now)
  }
  return acknowledged
}

/** One by one at their times, whether or not the one before is acknowledged. */
export async function steadily(feed: Publisher, eventOf: EventOf, from: number, to: number, rate: number): Promise<Acknowledged> {
  const acknowledged = new Map<number, number>()
  const beganAt = monotonicMs()
  const sends: Promise<void>[] = []
  for (const number of range(from, to)) {
    const aheadMs = beganAt + ((number - from) * 1_000) / rate - monotonicMs()
    if (aheadMs > 0) await pause(aheadMs)
    sends.push(feed.publishMany([eventOf(number)]).then(() => void acknowledged.set(number, monotonicMs())))
  }
  await Promise.all(sends)
  return acknowledged
}

/** From the acknowledgement to the arrival of each that is in `acknowledged`, and when the last arrived. */
export function timesOf(
  { numbers, at }: Arrivals,
  acknowledged: Acknowledged,
): { readonly latencies: readonly number[]; readonly lastAt: number } {
  const latencies: number[] = []
  let lastAt = 0
  for (const [index, number] of numbers.entries()) {
    const [arrivedAt = Number.NaN, acknowledgedAt] = [at[index], acknowledged.get(number)]
    if (acknowledgedAt === undefined) continue
    latencies.push(arrivedAt - acknowledgedAt)
    lastAt = Math.max(lastAt, arrivedAt)
  }
  return { latencies, lastAt }
}

function stepFigures(steps: ReadonlyMap<number, MailSteps>, acknowledged: Acknowledged): Partial<Figures> {
  const since = (step: keyof MailSteps) =>
    [...acknowledged].map(([number, acknowledgedAt]) => (steps.get(number)?.[step] ?? Number.NaN) - acknowledgedAt)
  const [accepted, started] = [since('acceptedAt'), since('startedAt')]
  return {
    acceptedP50Ms: quantile(accepted, 0.5),
    acceptedP99Ms: quantile(accepted, 0.99),
    startedP50Ms: quantile(started, 0.5),
    startedP99Ms: quantile(started, 0.99),
  }
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}
