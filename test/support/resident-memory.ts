import { readFile } from 'node:fs/promises'

/** Of a process on Linux, in megabytes (2^20 bytes): what is resident now, and the most that ever was. */
export async function residentMemory(pid: number): Promise<{ readonly now: number; readonly most: number }> {
  // https://www.man7.org/linux/man-pages/man5/proc_pid_status.5.html
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string): number => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]
    if (kilobytes === undefined) throw new Error(`There is no ${name} of process ${pid}.`)
    return Number(kilobytes) / 1024
  }
  return { now: megabytes('VmRSS'), most: megabytes('VmHWM') }
}
