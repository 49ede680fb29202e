import { setTimeout as pause } from 'node:timers/promises'
import { residentMebibytes } from '../measure/process-usage.ts'
import { quantile } from '../measure/quantile.ts'
import type { Contender } from './contenders.ts'
import type { Figures } from './figures.ts'
import type { Servers } from './servers.ts'
import { withWorker, type Probe } from './with-worker.ts'

const options = { work: 'all', fsync: false, people: 0 } as const
const none = { databaseCpuUs: null, sinkCpuUs: null, perSecond: null, p50Ms: null, p99Ms: null, rssMiB: null }

/** After a start some seconds go to compiling and collecting what the start left. */
const CALM_MS = 3_000

/** Nothing comes for so many seconds. CPU per second, and what is resident at their end. */
export async function playIdle(servers: Servers, contender: Contender, seconds: number, probe?: Probe): Promise<Figures> {
  return withWorker(servers, contender, options, async (run, databaseUrl) => {
    await pause(CALM_MS)
    await probe?.begin(databaseUrl)
    const before = await run.usage()
    await pause(seconds * 1_000)
    await run.worker.requireRunning()
    const after = await run.usage()
    await probe?.end(databaseUrl)
    const measured = (after.at - before.at) / 1_000
    return {
      ...none,
      cpuUs: (after.worker - before.worker) / measured,
      databaseCpuUs: (after.database - before.database) / measured,
      rssMiB: await residentMebibytes(run.worker.pid, 'now'),
    }
  })
}

/** So many starts, each until the program says that it is ready. CPU per start. A probe is only ended: a start begins with its database. */
export async function playReady(servers: Servers, contender: Contender, starts: number, probe?: Probe): Promise<Figures> {
  const times: number[] = []
  let cpu = 0
  let rssMiB: number | null = null
  for (let left = starts; left > 0; left--) {
    await withWorker(servers, contender, options, async (run, databaseUrl) => {
      await probe?.end(databaseUrl)
      cpu += (await run.usage()).worker
      rssMiB = await residentMebibytes(run.worker.pid, 'peak')
      times.push(run.worker.readyMs ?? Number.NaN)
    })
  }
  return { ...none, cpuUs: cpu / starts, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), rssMiB }
}
