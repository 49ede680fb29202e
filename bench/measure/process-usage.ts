import { readdir, readFile } from 'node:fs/promises'

/** Of a line in `/proc/<pid>/stat`: the times are of the process itself and of its children that have ended and were waited for. */
export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** User and system time, in ticks. */
  readonly ticks: number
}

/** USER_HZ is 100 on every Linux that Node runs on. https://www.man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const MICROSECONDS_PER_TICK = 10_000

/**
 * User and system time that a process and everything it started have used so far, in microseconds; a PostgreSQL server is its postmaster,
 * whose backends count whether they run or have ended. In steps of 10 ms per process.
 *
 * @throws {Error} the process is gone, and its time with it
 */
export async function cpuMicros(pid: number): Promise<number> {
  const stats = await allStats()
  if (!stats.some((stat) => stat.pid === pid)) throw new Error(`Process ${pid} is gone.`)
  return familyOf(pid, stats).reduce((sum, { ticks }) => sum + ticks, 0) * MICROSECONDS_PER_TICK
}

/** Resident memory of a process and of each that it started, added up, in MiB: now, or the most that ever was; null when it is gone. */
export async function residentMebibytes(pid: number, which: 'now' | 'peak'): Promise<number | null> {
  const each = await Promise.all(familyOf(pid, await allStats()).map((stat) => residentOf(stat.pid, which)))
  const found = each.filter((one) => one !== null)
  return found.length === 0 ? null : found.reduce((sum, one) => sum + one, 0)
}

/** A process and its descendants. */
export function familyOf(pid: number, stats: readonly ProcessStat[]): readonly ProcessStat[] {
  const children = Map.groupBy(stats, ({ parent }) => parent)
  const family = stats.filter((stat) => stat.pid === pid)
  // Grows while it is walked.
  for (const member of family) family.push(...(children.get(member.pid) ?? []))
  return family
}

/** The name in brackets may hold anything, so fields are counted after its last bracket. */
export function parseStat(line: string): ProcessStat {
  const end = line.lastIndexOf(')')
  const fields = line.slice(end + 2).split(' ')
  const [parent, ...ticks] = [1, 11, 12, 13, 14].map((index) => Number(fields[index]))
  return { pid: Number.parseInt(line, 10), parent: parent ?? Number.NaN, ticks: ticks.reduce((sum, each) => sum + each, 0) }
}

async function allStats(): Promise<readonly ProcessStat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'latin1').catch(gone)))
  return lines.filter((line) => line !== '').map(parseStat)
}

async function residentOf(pid: number, which: 'now' | 'peak'): Promise<number | null> {
  // https://www.man7.org/linux/man-pages/man5/proc_pid_status.5.html
  const line = which === 'now' ? /^VmRSS:\s+(\d+) kB/m : /^VmHWM:\s+(\d+) kB/m
  const kibibytes = line.exec(await readFile(`/proc/${pid}/status`, 'utf8').catch(gone))?.[1]
  return kibibytes === undefined ? null : Number(kibibytes) / 1024
}

/** It ended between the listing and the read. */
const gone = () => ''
