// The daemon with an additional observer, which kills, freezes or stalls the process at a failpoint from the environment (see
// failpoints.ts). The observer is called synchronously, so nothing after the fact has been executed.
import { main } from '../../../cmd/kafka-worker/run.mts'
import type { Fact } from '../../../src/model/fact.ts'
import { reaches, failpointsOf } from './failpoints.ts'

const { killAt, stallAt } = failpointsOf(process.env)
const actions: ((fact: Fact) => void)[] = []
if (stallAt) {
  const isReached = reaches(stallAt)
  actions.push((fact) => {
    if (!isReached(fact)) return
    report(`stalls for ${stallAt.ms} ms`, fact)
    block(stallAt.ms)
  })
}
if (killAt) {
  const isReached = reaches(killAt)
  actions.push((fact) => {
    if (!isReached(fact)) return
    const { signal = 'SIGKILL' } = killAt
    report(signal, fact)
    process.kill(process.pid, signal)
    // A signal reaches every thread a little later, and this thread must not continue after the fact.
    block(50)
  })
}

process.exit(
  await main(process.argv.slice(2), {
    observe: (fact) => {
      for (const action of actions) action(fact)
    },
  }),
)

/** Written before this returns: standard error to a pipe is synchronous. */
function report(what: string, fact: Fact): void {
  process.stderr.write(`observed: ${what} at ${fact.is}${'group' in fact ? ` of ${fact.group}` : ''}\n`)
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
