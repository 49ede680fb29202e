import type { EntryOf } from './history.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'
import type { ParsedHistory } from './parsed-history.ts'

/** What a process may need beyond its grace period to exit, on a machine that is busy with others. Faults of scenarios last longer. */
const LEAVING_MS = 10_000

/** I8: stops end within the grace period, and memory stays below its limit. */
export function checkBounds(history: ParsedHistory, findings: Findings): void {
  const { graceMs, memoryLimitMb } = history.run
  for (const [daemon, events] of Map.groupBy(history.processes, ({ daemon }) => daemon)) {
    const stopped = events.find(isStop)
    if (stopped === undefined) continue
    findings.checked('I8')
    // A frozen process cannot act; its grace period starts when it is resumed.
    const resumed = events.findLast(({ event, signal, at }) => event === 'signalled' && signal === 'SIGCONT' && at > stopped.at)
    const since = (resumed ?? stopped).at
    const exited = events.find(({ event }) => event === 'exited')
    const limit = graceMs + LEAVING_MS
    if (exited === undefined) {
      if (history.endedAt - since > limit)
        findings.violated('I8', `Daemon ${daemon} was asked to stop at ${formatTime(since)} and never exited.`)
    } else if (exited.at - since > limit)
      findings.violated(
        'I8',
        `Daemon ${daemon} was asked to stop at ${formatTime(since)} and exited ${exited.at - since} ms later; ${limit} are allowed.`,
      )
  }
  let highest = 0
  for (const { daemon, residentMb, at } of history.memory) {
    findings.checked('I8')
    highest = Math.max(highest, residentMb)
    if (residentMb > memoryLimitMb)
      findings.violated('I8', `Daemon ${daemon} held ${residentMb} MB at ${formatTime(at)}; ${memoryLimitMb} are allowed.`)
  }
  findings.set('mostResidentMb', history.memory.length === 0 ? null : highest)
}

/** I9: everything is done within the agreed time after the last fault. */
export function checkRecovery(history: ParsedHistory, findings: Findings): void {
  const last = history.recovered.at(-1)
  findings.set('recoverySeconds', last === undefined ? null : Math.round(last.afterMs / 100) / 10)
  if (history.faults.length === 0 || !history.run.drains) return
  findings.checked('I9')
  if (last === undefined) findings.violated('I9', 'No entry records that all lag was gone after the last fault.')
  for (const { afterMs, at } of history.recovered) {
    if (afterMs > history.run.recoveryMs)
      findings.violated('I9', `Lag was gone at ${formatTime(at)}, ${afterMs} ms after the fault; ${history.run.recoveryMs} are allowed.`)
  }
}

/** Whether this is a request for a clean stop. */
export function isStop({ event, signal }: EntryOf<'process'>): boolean {
  return event === 'signalled' && (signal === 'SIGTERM' || signal === 'SIGINT')
}
