import { execFileSync } from 'node:child_process'
import { identifyProcess, type ProcessIdentity } from './process-identity.ts'

/** Processes that `pid` has started itself and that still run, whatever session they made their own. */
export function childProcesses(pid: number): ProcessIdentity[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const pairs = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  const children = pairs.filter(([, parent]) => parent === pid).map(([child = 0]) => identifyProcess(child))
  return children.filter((child) => child !== undefined)
}
