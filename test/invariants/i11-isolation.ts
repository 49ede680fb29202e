import type { EntryOf } from './history.ts'
import type { Ledger } from './ledger.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'
import type { FaultSpan, WholeHistory } from './whole-history.ts'

const SETTLING_MS = 5_000
/** A rebalance that something else began may last so long. */
const CALMING_MS = 30_000

/** While nothing but the relay, or nothing but webhooks, is away, the groups that need neither go on. */
export function judgeIsolation(history: WholeHistory, ledgers: readonly Ledger[], findings: Findings): void {
  for (const fault of history.faults) {
    const [hit, ...others] = fault.hits
    if (others.length > 0 || (hit !== 'relay' && hit !== 'webhook') || isDisturbed(history, fault)) continue
    for (const ledger of ledgers) if (!ledger.of.needs.includes(hit)) judgeGroup(ledger, fault, findings)
  }
}

/** Something else that stops work happened too: another fault, or a process that came or went and so a rebalance. */
function isDisturbed(history: WholeHistory, fault: FaultSpan): boolean {
  const isNear = (begin: number, calm: number) => begin < fault.end && calm > fault.begin
  const others = history.faults.filter((one) => one !== fault && isNear(one.begin, one.end + CALMING_MS))
  return (
    others.some(({ hits }) => hits.some((hit) => hit === 'kafka' || hit === 'database' || hit === 'daemon')) ||
    history.processes.some((one) => (one.event === 'started' || one.event === 'exited') && isNear(one.at, untilCalm(history, one)))
  )
}

/** A process that says ready has joined, and so has everybody else; one that never said so may have joined at any time. */
function untilCalm(history: WholeHistory, { at, daemon, event }: EntryOf<'process'>): number {
  if (event === 'exited') return at + CALMING_MS
  const ready = history.processes.find((one) => one.daemon === daemon && one.event === 'ready')
  return ready?.at ?? at + CALMING_MS
}

function judgeGroup(ledger: Ledger, { name, begin, end }: FaultSpan, findings: Findings): void {
  let due = 0
  let done = 0
  for (const entries of ledger.partitions.values()) {
    for (const { record, acceptedAt, by } of entries) {
      if (by === 'repeat') continue
      if (record.timestamp > begin + SETTLING_MS && record.timestamp < end - SETTLING_MS) due += 1
      if (acceptedAt > begin + SETTLING_MS && acceptedAt < end) done += 1
    }
  }
  if (due === 0) return
  findings.checked('I11')
  if (done === 0)
    findings.violated(
      'I11',
      `${ledger.group} accepted nothing from ${when(begin + SETTLING_MS)} to ${when(end)}, during “${name}”; ${due} events came meanwhile.`,
    )
}
