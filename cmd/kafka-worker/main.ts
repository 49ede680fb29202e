#!/usr/bin/env node
// The daemon. Only what must run before anything else stands here. An older Node refuses a .ts file that is a module, and reads one
// that is not as plain JavaScript: so this file is none (see package.json beside it) and holds no types, and the others are .mts here.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `kafka-worker needs Node 24 or newer, this is ${process.versions.node}: start it with npm start, which brings its own, or install Node 24.\n`,
  )
  process.exit(1)
}
// A probe runs every few seconds: it loads none of the daemon.
const [verb, ...rest] = process.argv.slice(2)
if (verb === 'healthcheck') void import('./healthcheck.mts').then(async ({ main }) => process.exit(await main(rest)))
else void import('./run.mts').then(async ({ main }) => process.exit(await main(process.argv.slice(2))))
