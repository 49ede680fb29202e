import type { EntryOf } from './history.ts'
import { isStop } from './i8-i9-bounds.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'
import type { ParsedHistory } from './parsed-history.ts'

/** The time in which a daemon notices that its database is away, on a machine that is busy with others. */
const NOTICING_MS = 14_000
/** The time in which the watchdog notices that a process works again. */
const WAKING_MS = 10_000

/** A daemon is not ready without its database and not dead while it works, and its exit code names the cause. */
export function checkHealth(history: ParsedHistory, findings: Findings): void {
  const away = history.faults.filter(({ affects }) => affects.includes('database'))
  const daemonFaults = history.faults.filter(({ affects }) => affects.includes('daemon'))
  const daemons = Map.groupBy(history.processes, ({ daemon }) => daemon)
  const stoppedAt = new Map([...daemons].map(([daemon, events]) => [daemon, events.find(isStop)?.at ?? Infinity]))
  for (const { daemon, at, ready, live } of history.health) {
    findings.checked('I10')
    const during = away.find(({ begin, end }) => at > begin + NOTICING_MS && at < end)
    if (ready === true && during !== undefined)
      findings.violated('I10', `Daemon ${daemon} reported ready at ${formatTime(at)}, during “${during.name}”.`)
    const isAffected = daemonFaults.some(({ begin, end }) => at >= begin && at <= end + WAKING_MS)
    if (live === false && !isAffected && at < (stoppedAt.get(daemon) ?? Infinity))
      findings.violated('I10', `Daemon ${daemon} reported itself dead at ${formatTime(at)}.`)
  }
  for (const [daemon, events] of daemons) checkExit(history, daemon, events, findings)
}

function checkExit(history: ParsedHistory, daemon: number, events: readonly EntryOf<'process'>[], findings: Findings): void {
  const exited = events.find(({ event }) => event === 'exited')
  if (exited === undefined) return
  findings.checked('I10')
  const { code, at } = exited
  const signals = events.filter(({ event, at: signalled }) => event === 'signalled' && signalled <= at)
  const stops = signals.filter(isStop)
  const [stop] = stops
  const exit = `Daemon ${daemon} ended at ${formatTime(at)} with ${String(code)}`
  if (code === 'SIGKILL' || signals.some(({ signal }) => signal === 'SIGKILL')) {
    const isPlanned = exited.failpoint !== undefined || signals.some(({ signal }) => signal === 'SIGKILL')
    if (!isPlanned) findings.violated('I10', `${exit}, and the harness did not kill it.`)
    return
  }
  if (stop !== undefined) {
    // A process that does not run our code yet is terminated by the signal itself.
    if (code === stop.signal && exited.lines === 0) return
    const isForced = stops.length > 1 || at - stop.at >= history.run.graceMs
    if (code !== 0 && !(code === 2 && isForced)) findings.violated('I10', `${exit} after a request to stop.`)
    return
  }
  const wasReady = events.some(({ event }) => event === 'ready')
  const wasAffected = (what: 'kafka' | 'database') => history.faults.some(({ affects, begin }) => affects.includes(what) && begin <= at)
  const isExplained = (code === 3 && wasAffected('kafka')) || (code === 1 && !wasReady && (wasAffected('kafka') || wasAffected('database')))
  if (!isExplained) findings.violated('I10', `${exit}, without a request to stop or a fault that explains it.`)
}
