// Loaded before a daemon (`--import`): it collects all garbage on SIGPWR, and writes to standard error what is left. See `Daemon.collect`.
process.on('SIGPWR', () => {
  if (globalThis.gc === undefined) throw new Error('The daemon was started without --expose-gc.')
  globalThis.gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  process.stderr.write(`collected: ${JSON.stringify(process.memoryUsage())}\n`)
})
