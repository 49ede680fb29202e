#!/usr/bin/env node
// The operator's program. This file holds only what must run first: an older Node cannot parse the other files.
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(
    `workerctl needs Node 24 or newer, this is ${process.versions.node}: start it with npm run workerctl, which brings its own, or install Node 24.\n`,
  )
  process.exit(1)
}
// The kernel delivers no signal without a handler to process 1 of a container, so Ctrl-C would have no effect.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
const [{ run }, { processTerminal }, { withWholeOutput }, { measureWithMonotonicTime }] = await Promise.all([
  import('./run.ts'),
  import('./terminal.ts'),
  import('../../src/std/with-whole-output.ts'),
  import('../../src/std/clock.ts'),
])
measureWithMonotonicTime()
process.exit(await withWholeOutput(() => run(process.argv.slice(2), processTerminal())))
