import { readFile } from 'node:fs/promises'
import { compare } from './compare.ts'
import { deadLettersOn, findOut } from './found.ts'
import { expectedOf } from './reference-model.ts'
import type { Comparison } from './compare.ts'
import type { Progress } from './progress.ts'
import type { Session } from './session.ts'
import { untilSettled } from './settled.ts'

/** The result of `--once --json`. */
export interface Report extends Omit<Comparison, 'differences'> {
  readonly events: number
  readonly acknowledged: number
  /** Records that each group has not committed. */
  readonly lag: Readonly<Record<string, number>>
  /** From the first publication until all was done. */
  readonly seconds: number
  readonly eventsPerSecond: number
  readonly daemon: {
    /** From its start until it was ready. */
    readonly readySeconds: number
    readonly peakMegabytes: number | null
    readonly cpuSeconds: number | null
  }
}

export interface OnceOptions {
  readonly events: number
  readonly signal: AbortSignal
  readonly progress: Progress
}

/** Runs a scenario of this many events to its end, and compares the result. */
export async function playOnce(session: Session, options: OnceOptions): Promise<{ report: Report; differences: readonly string[] }> {
  const { admin, database, servers, scenario, simulator, campaignIds, daemon } = session
  const steps = [...scenario.steps(options.events)]
  const deadBefore = await deadLettersOn(admin, servers)

  const { progress } = options
  progress.stage(`Publishing ${options.events} events`)
  await simulator.play(steps, options.signal)
  options.signal.throwIfAborted()
  progress.stage('Waiting', `${simulator.acknowledged} events are acknowledged; the daemon is processing them`)
  const remaining = await untilSettled(
    { admin, sql: database.sql, servers, campaignIds },
    { deadlineMs: deadlineFor(options.events), signal: options.signal, onLook: progress.figure },
  )
  const seconds = (performance.now() - (simulator.firstSentAt ?? performance.now())) / 1000
  const figures = await processFigures(daemon.pid)

  const expected = expectedOf(scenario.seedData, steps, servers.groups, simulator.dayOf)
  const found = await findOut({ sql: database.sql, admin, servers, campaignIds, deadBefore })
  const { differences, ...comparison } = compare(expected, found)
  const report: Report = {
    events: expected.events,
    acknowledged: simulator.acknowledged,
    ...comparison,
    lag: remaining.lag,
    seconds: rounded(seconds),
    eventsPerSecond: Math.round(expected.events / seconds),
    daemon: { readySeconds: rounded(daemon.readyMs / 1000), ...figures },
  }
  const unacknowledged = expected.events - simulator.acknowledged
  return { report, differences: [...differences, ...(unacknowledged > 0 ? [`events: ${unacknowledged} were not acknowledged`] : [])] }
}

/** Two minutes plus one minute per 5,000 events: enough for a slow machine, and still bounded. */
function deadlineFor(events: number): number {
  return 120_000 + (events / 5_000) * 60_000
}

function rounded(seconds: number): number {
  return Math.round(seconds * 100) / 100
}

/** The report for a person. */
export function summaryOf({ report, differences }: { report: Report; differences: readonly string[] }): string {
  const { mails, rewards, positions, deadLetters, eventCounts, daemon } = report
  return [
    `${report.events} events in ${report.seconds} s (${report.eventsPerSecond} a second), ${report.acknowledged} acknowledged`,
    `  mails         ${mails.received} of ${mails.expected}, ${mails.duplicates} twice`,
    `  rewards       ${rewards.delivered} of ${rewards.expected}`,
    `  positions     ${positions.checked} checked, ${positions.wrong} wrong`,
    `  dead letters  ${deadLetters.found} of ${deadLetters.expected}`,
    `  event counts  ${eventCounts.found} of ${eventCounts.expected}`,
    `  daemon        ready after ${daemon.readySeconds} s, at most ${daemon.peakMegabytes ?? '?'} MB, ${daemon.cpuSeconds ?? '?'} s of processor time`,
    differences.length === 0 ? 'Everything is as expected.' : 'The result differs from the expected one.',
  ].join('\n')
}

interface ProcessFigures {
  readonly peakMegabytes: number | null
  readonly cpuSeconds: number | null
}

/** Clock ticks per second of /proc, which Linux fixes at 100 for user space. */
const TICKS = 100

/** Resource usage of a process so far, on Linux; nulls elsewhere, or when the process is gone. */
async function processFigures(pid: number): Promise<ProcessFigures> {
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
