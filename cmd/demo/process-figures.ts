import { readFile } from 'node:fs/promises'

export interface ProcessFigures {
  readonly peakMegabytes: number | null
  readonly cpuSeconds: number | null
}

/** Clock ticks per second of /proc, which Linux fixes at 100 for what it tells user space. */
const TICKS = 100

/** What a process has used so far, as Linux tells; nulls elsewhere, or when it is gone. */
export async function processFigures(pid: number): Promise<ProcessFigures> {
  const [status, stat] = await Promise.all(['status', 'stat'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')))
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(status ?? '')?.[1]
  // The second field is the command in parentheses, which may hold anything; user and system time are the 14th and 15th.
  const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return {
    peakMegabytes: peak === undefined ? null : Math.round(Number(peak) / 1024),
    cpuSeconds: Number.isNaN(ticks) ? null : ticks / TICKS,
  }
}
