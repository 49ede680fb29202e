import { setTimeout as pause } from 'node:timers/promises'
import { nextRelease } from '../../src/model/replay-ramp.ts'
import { residentMebibytes } from '../measure/process-usage.ts'
import { quantile } from '../measure/quantile.ts'
import type { Contender } from './contenders.ts'
import { signUp } from './events.ts'
import { notExactlyOnce } from './exactly-once.ts'
import type { Figures } from './figures.ts'
import { requireOrderlyEnd, steadily, timesOf } from './play-delivery.ts'
import { accepted, hasUnfinished, wrongRows } from './rows.ts'
import type { Servers } from './servers.ts'
import { untilDone, withWorker, type Run } from './with-worker.ts'

const MONTH_MS = 30 * 86_400_000
/** Intents a second that the replay releases after its ramp. */
const SEND_RATE = 400
const BLOCK = 500

/**
 * Live mails at a steady rate, `count` of them alone and then as many beside a replay, on the same daemon. The replay is of sign-ups of a
 * month ago, whose mails were skipped as too old: as many as its ramp releases while the live mails come.
 *
 * @throws {Error} not every mail exists exactly once, or the replay was over before half of the live mails had come
 */
export async function playReplay(
  servers: Servers,
  contender: Contender,
  { count, rate, fsync }: { readonly count: number; readonly rate: number; readonly fsync: boolean },
): Promise<Figures> {
  const seconds = count / rate
  const old = replayedWithin(seconds)
  const [first, second] = [old + rate, old + rate + count]
  const total = second + count
  return withWorker(servers, contender, { work: 'mail', fsync, people: total }, async (run) => {
    const live = async (from: number, to: number) => steadily(run.feed, signUp, from, to, rate)
    const sent = async (mails: number) => {
      await untilDone('ours, replay', run.worker, mails, async () => (await servers.sinks.counts()).mails)
      while (await hasUnfinished(run.sql)) await pause(20)
    }
    await publishOld(run, old)
    await untilDone('ours, replay', run.worker, old, () => accepted(run.sql))
    await live(old, first)
    await sent(rate)
    const before = await run.usage()
    const alone = await live(first, second)
    await sent(rate + count)
    const after = await run.usage()

    await order(run, old)
    const beside = await live(second, total)
    await sent(total)
    await requireOverlap(run, seconds)
    const rssMiB = await residentMebibytes(run.worker.pid, 'peak')
    await requireOrderlyEnd(contender, run)

    const { mails } = await servers.sinks.take()
    const faults = [notExactlyOnce('mails', mails, total), await wrongRows(run.sql, 'ours', 'mail', total)].filter(
      (fault) => fault !== null,
    )
    if (faults.length > 0) throw new Error(`ours, replay: ${faults.join(' ')}`)
    const times = { alone: timesOf(mails, alone), beside: timesOf(mails, beside) }
    return {
      cpuUs: (after.worker - before.worker) / count,
      databaseCpuUs: (after.database - before.database) / count,
      sinkCpuUs: (after.sinks - before.sinks) / count,
      perSecond: (count * 1_000) / (times.alone.lastAt - before.at),
      p50Ms: quantile(times.alone.latencies, 0.5),
      p99Ms: quantile(times.alone.latencies, 0.99),
      besideP50Ms: quantile(times.beside.latencies, 0.5),
      besideP99Ms: quantile(times.beside.latencies, 0.99),
      replayed: old,
      rssMiB,
    }
  })
}

/** How many mails a replay releases in so many seconds. */
function replayedWithin(seconds: number): number {
  let released = 0
  for (let second = 0; second < seconds; second++) released += nextRelease(released, SEND_RATE)
  return released
}

async function publishOld({ feed }: Run, count: number): Promise<void> {
  const timestamp = new Date(Date.now() - MONTH_MS)
  for (let from = 0; from < count; from += BLOCK) {
    const block = Array.from({ length: Math.min(BLOCK, count - from) }, (_, index) => ({ ...signUp(from + index), timestamp }))
    await feed.publishMany(block)
  }
}

/** Resolves once the daemon has begun. */
async function order(run: Run, effects: number): Promise<void> {
  const what = ['--group', 'email-workers', '--from', 'earliest', '--type', 'user.signed_up', '--send-rate', String(SEND_RATE)]
  await run.workerctl('replay', 'run', ...what, '--confirm', String(effects), '--owner', 'bench', '--because', 'measured')
  await untilDone(
    'ours, replay',
    run.worker,
    1,
    async () => (await run.sql.query(`SELECT FROM worker.replay_jobs WHERE state <> 'queued'`)).length,
  )
}

async function requireOverlap({ sql }: Run, seconds: number): Promise<void> {
  const [row] = await sql.query<{ seconds: number | null }>(
    'SELECT extract(epoch FROM coalesce(finished_at, now()) - started_at)::float8 AS seconds FROM worker.replay_jobs',
  )
  if ((row?.seconds ?? 0) < seconds / 2) throw new Error(`ours, replay: it took ${row?.seconds} s of the ${seconds} s of live mails.`)
}
