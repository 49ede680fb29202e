#!/usr/bin/env node
// The daemon. Only what must run before anything else stands here: an older Node cannot even read the other files.
const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  process.stderr.write(
    `kafka-worker needs Node 24 or newer, this is ${process.versions.node}: start it with npm start, which brings its own, or install Node 24.\n`,
  )
  process.exit(1)
}
const { main } = await import('./run.ts')
process.exit(await main(process.argv.slice(2)))
