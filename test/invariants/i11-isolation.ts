import type { EntryOf } from './history.ts'
import type { GroupTimeline } from './group-timeline.ts'
import type { Findings } from './check-report.ts'
import { formatTime } from './check-report.ts'
import type { FaultSpan, ParsedHistory } from './parsed-history.ts'

const SETTLING_MS = 5_000
/** The longest rebalance that another event may cause. */
const CALMING_MS = 30_000

/** While only the relay or only the webhook receivers are away, groups that do not depend on them continue. */
export function checkIsolation(history: ParsedHistory, timelines: readonly GroupTimeline[], findings: Findings): void {
  for (const fault of history.faults) {
    const [hit, ...others] = fault.affects
    if (others.length > 0 || (hit !== 'relay' && hit !== 'webhook') || isDisturbed(history, fault)) continue
    for (const timeline of timelines) if (!timeline.definition.needs.includes(hit)) checkGroup(timeline, fault, findings)
  }
}

/** Whether something else may have stopped work: another fault, or a rebalance because a process started or exited. */
function isDisturbed(history: ParsedHistory, fault: FaultSpan): boolean {
  const isNear = (begin: number, calm: number) => begin < fault.end && calm > fault.begin
  const others = history.faults.filter((other) => other !== fault && isNear(other.begin, other.end + CALMING_MS))
  return (
    others.some(({ affects }) => affects.some((hit) => hit === 'kafka' || hit === 'database' || hit === 'daemon')) ||
    history.processes.some(
      (entry) => (entry.event === 'started' || entry.event === 'exited') && isNear(entry.at, untilCalm(history, entry)),
    )
  )
}

/** When a process is ready, all members have joined; a process that never became ready may have joined at any time. */
function untilCalm(history: ParsedHistory, { at, daemon, event }: EntryOf<'process'>): number {
  if (event === 'exited') return at + CALMING_MS
  const ready = history.processes.find((entry) => entry.daemon === daemon && entry.event === 'ready')
  return ready?.at ?? at + CALMING_MS
}

function checkGroup(timeline: GroupTimeline, { name, begin, end }: FaultSpan, findings: Findings): void {
  let due = 0
  let done = 0
  for (const entries of timeline.partitions.values()) {
    for (const { record, acceptedAt, resolvedBy } of entries) {
      if (resolvedBy === 'repeat') continue
      if (record.timestamp > begin + SETTLING_MS && record.timestamp < end - SETTLING_MS) due += 1
      if (acceptedAt > begin + SETTLING_MS && acceptedAt < end) done += 1
    }
  }
  if (due === 0) return
  findings.checked('I11')
  if (done === 0)
    findings.violated(
      'I11',
      `${timeline.group} accepted nothing from ${formatTime(begin + SETTLING_MS)} to ${formatTime(end)}, during “${name}”; ${due} events arrived meanwhile.`,
    )
}
