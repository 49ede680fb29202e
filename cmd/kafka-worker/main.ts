#!/usr/bin/env node
// The daemon. Only what must run before anything else stands here. An older Node refuses a .ts file that is a module, and reads one
// that is not as plain JavaScript: so this file is none (see package.json beside it) and holds no types, and the others are .mts here.
if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    `kafka-worker needs Node 24 or newer, this is ${process.versions.node}: start it with npm start, which brings its own, or install Node 24.\n`,
  )
  process.exit(1)
}
const [verb, ...rest] = process.argv.slice(2)
// A probe runs every few seconds: it loads none of the daemon.
if (verb === 'healthcheck') void import('./healthcheck.mts').then(async ({ main }) => process.exit(await main(rest)))
else {
  // To process 1 of a container the kernel delivers no signal that nobody listens for: a stop that came while modules are loaded would be
  // lost, and the daemon would run on until it is killed. What arrives before its listener is kept for it.
  const signals = ['SIGTERM', 'SIGINT', 'SIGTSTP', 'SIGCONT', 'SIGUSR2', 'SIGTTIN']
  const early = signals.slice(signals.length)
  for (const signal of signals) process.on(signal, () => early.push(signal))
  void import('./run.mts').then(async ({ main }) => process.exit(await main(process.argv.slice(2), { early })))
}
