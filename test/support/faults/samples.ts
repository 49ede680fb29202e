import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Sql } from '../../../src/std/sql.ts'
import type { LogAdmin } from '../../../src/ingest/log-admin.ts'
import type { Health, OffsetSample } from '../../invariants/history.ts'
import type { RecordedDaemon } from './recorded-daemon.ts'
import type { Recorder } from './recorder.ts'

/** What is sampled. */
export interface Sampled {
  readonly recorder: Recorder
  readonly admin: Pick<LogAdmin, 'ranges' | 'committed'>
  readonly sql: Sql
  readonly topic: string
  readonly groups: readonly string[]
  readonly daemons: readonly RecordedDaemon[]
  /** Further work once a second. */
  readonly also: () => Promise<void>
}

const EVERY_MS = 1_000

/** Samples everything once a second until `stop`, which waits for samples in progress. */
export function startSamples(sampled: Sampled): { stop(): Promise<void> } {
  const closing = new AbortController()
  const { signal } = closing
  // Separate loops, so that an unavailable dependency delays only its own samples.
  const loops = [
    () => sampleOffsets(sampled, 'running').catch(() => undefined), // The server is away, as faults intend; the next sample tries again.
    () => sampleDaemons(sampled),
    () => sampled.also(),
  ].map(async (look) => {
    while (!signal.aborted) {
      await look()
      await pause(EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
  })
  return {
    stop: async () => {
      closing.abort()
      await Promise.all(loops)
    },
  }
}

/** Kafka first: a working member moves its row before it commits, so a committed offset above the row is always a violation. */
export async function sampleOffsets({ recorder, admin, sql, topic, groups }: Sampled, when: OffsetSample['when']): Promise<void> {
  for (const group of groups) {
    const committed = await admin.committed(group, topic)
    const rows = await sql.query<{ partition: number; next_offset: string }>(
      'SELECT partition, next_offset FROM worker.progress WHERE group_name = $1 AND topic = $2',
      [group, topic],
    )
    const ends = await admin.ranges(topic)
    recorder.record({
      is: 'offsets',
      at: Date.now(),
      group,
      committed: Object.fromEntries([...committed].map(([partition, offset]) => [partition, Number(offset)])),
      stored: Object.fromEntries(rows.map(({ partition, next_offset }) => [partition, Number(next_offset)])),
      ends: Object.fromEntries([...ends].map(([partition, { high }]) => [partition, Number(high)])),
      when,
    })
  }
}

async function sampleDaemons({ recorder, daemons }: Sampled): Promise<void> {
  await Promise.all(
    daemons
      .filter((daemon) => !daemon.isOver())
      .map(async (daemon) => {
        const [live, ready, residentMb] = await Promise.all([probe(daemon, '/livez'), probe(daemon, '/readyz'), residentMbOf(daemon.pid)])
        const at = Date.now()
        // The daemon may have exited meanwhile; a missing reply then means nothing.
        if (daemon.isOver()) return
        const reasons = [...new Set([...live.reasons, ...ready.reasons])]
        recorder.record({ is: 'health', at, daemon: daemon.number, ready: ready.ok, live: live.ok, reasons })
        if (residentMb !== null) recorder.record({ is: 'memory', at, daemon: daemon.number, residentMb })
      }),
  )
}

/** Null: no reply within two seconds, or the daemon does not listen yet. */
async function probe(daemon: RecordedDaemon, path: string): Promise<{ ok: boolean | null; reasons: Health['reasons'] }> {
  try {
    const response = await fetch(`${daemon.url()}${path}`, { signal: AbortSignal.timeout(2_000) })
    const report: unknown = await response.json()
    return { ok: response.ok, reasons: [...JSON.stringify(report).matchAll(/"reason":"([^"]+)"/g)].map(([, reason = '']) => reason) }
  } catch {
    return { ok: null, reasons: [] }
  }
}

/** Null where there is no /proc, or no such process any more. */
async function residentMbOf(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1024)
}
