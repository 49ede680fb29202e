import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { spawnGuarded } from '../../stack/guarded-process.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import type { SinkCounts, SinkPorts, SinkReport } from '../sinks/main.ts'

/** The relay and the endpoint of a bench, a process of their own. */
export interface SinkProcess {
  readonly pid: number
  readonly ports: SinkPorts
  /** How much has arrived since the last `take`. */
  counts(): Promise<SinkCounts>
  /** What has arrived since the last `take`. */
  take(): Promise<SinkReport>
  stop(): Promise<void>
}

const program = fileURLToPath(new URL('../sinks/main.ts', import.meta.url))
const DEADLINE_MS = 30_000

export interface SinkOptions {
  /** What every byte takes to relay and endpoints, and back; milliseconds. */
  readonly oneWayMs?: number
  /** Endpoints besides the first, each of an origin of its own. */
  readonly endpoints?: number
}

/** @throws {Error} the process does not come up */
export async function startSinks(folder: string, { oneWayMs = 0, endpoints = 0 }: SinkOptions = {}): Promise<SinkProcess> {
  const logFile = path.join(folder, 'sinks.log')
  const child = await spawnGuarded(process.execPath, [program, String(oneWayMs), String(endpoints)], { env: cleanEnvironment(), logFile })
  const deadline = performance.now() + DEADLINE_MS
  let line = ''
  while (!line.includes('\n')) {
    if (!child.running() || performance.now() > deadline) throw new Error(`The sinks did not start: ${line}`)
    await pause(20)
    line = await readFile(logFile, 'utf8')
  }
  const ports: SinkPorts = JSON.parse(line)
  const ask = async (what: string) => (await fetch(`http://127.0.0.1:${ports.control}/${what}`)).text()
  return {
    pid: child.pid,
    ports,
    counts: async () => {
      const counts: SinkCounts = JSON.parse(await ask('counts'))
      return counts
    },
    take: async () => {
      const report: SinkReport = JSON.parse(await ask('take'))
      return report
    },
    stop: () => child.end('SIGTERM'),
  }
}
