#!/usr/bin/env node
// The operator's program. Only what must run before anything else stands here: an older Node cannot even read the other files.
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(
    `workerctl needs Node 24 or newer, this is ${process.versions.node}: start it with npm run workerctl, which brings its own, or install Node 24.\n`,
  )
  process.exit(1)
}
const [{ run }, { processTerminal }] = await Promise.all([import('./run.ts'), import('./terminal.ts')])
process.exit(await run(process.argv.slice(2), processTerminal()))
