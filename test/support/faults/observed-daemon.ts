// The daemon as its users run it, with one observer more, that ends, freezes or stalls the process at a moment named by the environment
// (see moments.ts). The observer is called by the path itself, so nothing behind the fact has happened when it strikes.
import { main } from '../../../cmd/kafka-worker/run.mts'
import type { Fact } from '../../../src/model/fact.ts'
import { awaited, momentsOf } from './moments.ts'

const { killAt, stallAt } = momentsOf(process.env)
const strikes: ((fact: Fact) => void)[] = []
if (stallAt) {
  const now = awaited(stallAt)
  strikes.push((fact) => {
    if (!now(fact)) return
    tell(`stalls for ${stallAt.ms} ms`, fact)
    block(stallAt.ms)
  })
}
if (killAt) {
  const now = awaited(killAt)
  strikes.push((fact) => {
    if (!now(fact)) return
    const { signal = 'SIGKILL' } = killAt
    tell(signal, fact)
    process.kill(process.pid, signal)
    // A stop reaches every thread a little later, and this one must not go on behind the fact.
    block(50)
  })
}

process.exit(
  await main(process.argv.slice(2), {
    observe: (fact) => {
      for (const strike of strikes) strike(fact)
    },
  }),
)

/** Written before this returns: standard error to a pipe is synchronous. */
function tell(what: string, fact: Fact): void {
  process.stderr.write(`observed: ${what} at ${fact.is}${'group' in fact ? ` of ${fact.group}` : ''}\n`)
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
