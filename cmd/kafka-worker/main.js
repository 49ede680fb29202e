#!/usr/bin/env node
// The daemon. This file holds only what must run first: a plain script (see package.json beside it) that any Node can read, and before which
// nothing has to be stripped of types. The others here are .mts.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `kafka-worker needs Node 24 or newer, this is ${process.versions.node}: start it with npm start, which brings its own, or install Node 24.\n`,
  )
  process.exit(1)
}
// Node keeps compiled code, and our files without their types, for the next start, which takes less CPU; the process takes less memory, because
// the program that strips types is not loaded. NODE_COMPILE_CACHE names another folder. Without a folder that Node can write, nothing is kept.
process.getBuiltinModule('node:module').enableCompileCache(`${__dirname}/../../.cache/modules`)
const [verb, ...rest] = process.argv.slice(2)
// A probe runs every few seconds and loads nothing of the daemon.
if (verb === 'healthcheck') void import('./healthcheck.mts').then(async ({ main }) => process.exit(await main(rest)))
else {
  // The kernel delivers no signal without a handler to process 1 of a container: a stop while modules are loaded would be lost, and the
  // daemon would run until it is killed. Signals that arrive before their handler are kept for it.
  const signals = ['SIGTERM', 'SIGINT', 'SIGTSTP', 'SIGCONT', 'SIGUSR2', 'SIGTTIN']
  const early = []
  for (const signal of signals) process.on(signal, () => early.push(signal))
  // Started by a supervisor, which is connected to it.
  if (verb === 'process') void import('./run.mts').then(async ({ main }) => process.exit(await main([], { early, processName: rest[0] })))
  // Whether there will be several processes is decided where the variables are read.
  else if (verb === undefined && process.env['WORKER_PROCESSES'])
    void import('./supervise.mts').then(async ({ main }) => process.exit(await main({ early })))
  else void import('./run.mts').then(async ({ main }) => process.exit(await main(process.argv.slice(2), { early })))
}
