import type { EntryOf } from './history.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'
import type { WholeHistory } from './whole-history.ts'

/** What a process may need beyond its grace period to be gone. */
const LEAVING_MS = 1_000

/** I8: who is told to stop is gone in time, and nobody holds more memory than agreed. */
export function judgeBounds(history: WholeHistory, findings: Findings): void {
  const { graceMs, memoryLimitMb } = history.run
  for (const [daemon, events] of Map.groupBy(history.processes, ({ daemon }) => daemon)) {
    const asked = events.find(isStop)
    if (asked === undefined) continue
    findings.checked('I8')
    // A frozen process can do nothing; its time runs from the moment that it goes on.
    const thawed = events.findLast(({ event, signal, at }) => event === 'signalled' && signal === 'SIGCONT' && at > asked.at)
    const since = (thawed ?? asked).at
    const exited = events.find(({ event }) => event === 'exited')
    const limit = graceMs + LEAVING_MS
    if (exited === undefined) {
      if (history.endedAt - since > limit) findings.violated('I8', `Daemon ${daemon} was told to stop at ${when(since)} and never ended.`)
    } else if (exited.at - since > limit)
      findings.violated(
        'I8',
        `Daemon ${daemon} was told to stop at ${when(since)} and ended ${exited.at - since} ms later; ${limit} are allowed.`,
      )
  }
  let most = 0
  for (const { daemon, residentMb, at } of history.memory) {
    findings.checked('I8')
    most = Math.max(most, residentMb)
    if (residentMb > memoryLimitMb)
      findings.violated('I8', `Daemon ${daemon} held ${residentMb} MB at ${when(at)}; ${memoryLimitMb} are allowed.`)
  }
  findings.set('mostResidentMb', history.memory.length === 0 ? null : most)
}

/** I9: after the last fault everything was done in the time agreed. */
export function judgeRecovery(history: WholeHistory, findings: Findings): void {
  const last = history.recovered.at(-1)
  findings.set('recoverySeconds', last === undefined ? null : Math.round(last.afterMs / 100) / 10)
  if (history.faults.length === 0 || !history.run.settles) return
  findings.checked('I9')
  if (last === undefined) findings.violated('I9', 'After the last fault nothing says that all lag was gone.')
  for (const { afterMs, at } of history.recovered) {
    if (afterMs > history.run.recoveryMs)
      findings.violated('I9', `Lag was gone at ${when(at)}, ${afterMs} ms after the fault; ${history.run.recoveryMs} are allowed.`)
  }
}

/** Whether this asks a process to stop by itself. */
export function isStop({ event, signal }: EntryOf<'process'>): boolean {
  return event === 'signalled' && (signal === 'SIGTERM' || signal === 'SIGINT')
}
