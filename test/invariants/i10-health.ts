import type { EntryOf } from './history.ts'
import { isStop } from './i8-i9-bounds.ts'
import type { Findings } from './verdict.ts'
import { when } from './verdict.ts'
import type { WholeHistory } from './whole-history.ts'

/** A daemon may take so long to notice that its database is gone. */
const NOTICING_MS = 8_000
/** After a process could not work, its own watch may need so long to see that it does again. */
const WAKING_MS = 10_000

/** Nobody says ready without a database, nobody says dead while he works, and exit codes say why. */
export function judgeHealth(history: WholeHistory, findings: Findings): void {
  const away = history.faults.filter(({ hits }) => hits.includes('database'))
  const struck = history.faults.filter(({ hits }) => hits.includes('daemon'))
  const daemons = Map.groupBy(history.processes, ({ daemon }) => daemon)
  const asked = new Map([...daemons].map(([daemon, events]) => [daemon, events.find(isStop)?.at ?? Infinity]))
  for (const { daemon, at, ready, live } of history.health) {
    findings.checked('I10')
    const during = away.find(({ begin, end }) => at > begin + NOTICING_MS && at < end)
    if (ready === true && during !== undefined)
      findings.violated('I10', `Daemon ${daemon} said ready at ${when(at)}, during “${during.name}”.`)
    const isStruck = struck.some(({ begin, end }) => at >= begin && at <= end + WAKING_MS)
    if (live === false && !isStruck && at < (asked.get(daemon) ?? Infinity))
      findings.violated('I10', `Daemon ${daemon} said at ${when(at)} that it does not live.`)
  }
  for (const [daemon, events] of daemons) judgeExit(history, daemon, events, findings)
}

function judgeExit(history: WholeHistory, daemon: number, events: readonly EntryOf<'process'>[], findings: Findings): void {
  const exited = events.find(({ event }) => event === 'exited')
  if (exited === undefined) return
  findings.checked('I10')
  const { code, at } = exited
  const signals = events.filter(({ event, at: signalled }) => event === 'signalled' && signalled <= at)
  const stops = signals.filter(isStop)
  const [stop] = stops
  const ended = `Daemon ${daemon} ended at ${when(at)} with ${String(code)}`
  if (code === 'SIGKILL' || signals.some(({ signal }) => signal === 'SIGKILL')) {
    const isPlanned = exited.moment !== undefined || signals.some(({ signal }) => signal === 'SIGKILL')
    if (!isPlanned) findings.violated('I10', `${ended}, and nobody of the harness killed it.`)
    return
  }
  if (stop !== undefined) {
    // A process that has not begun to run our code is ended by the signal itself.
    if (code === stop.signal && exited.lines === 0) return
    const isForced = stops.length > 1 || at - stop.at >= history.run.graceMs
    if (code !== 0 && !(code === 2 && isForced)) findings.violated('I10', `${ended} after it was told to stop.`)
    return
  }
  const wasReady = events.some(({ event }) => event === 'ready')
  const wasHit = (what: 'kafka' | 'database') => history.faults.some(({ hits, begin }) => hits.includes(what) && begin <= at)
  const isHonest = (code === 3 && wasHit('kafka')) || (code === 1 && !wasReady && (wasHit('kafka') || wasHit('database')))
  if (!isHonest) findings.violated('I10', `${ended}, and nobody told it to.`)
}
