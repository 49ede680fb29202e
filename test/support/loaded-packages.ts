// Loaded before a daemon (`--import`): at its exit it writes to standard error which packages of OpenTelemetry it has loaded.
import { writeSync } from 'node:fs'
import { createRequire } from 'node:module'

const { cache } = createRequire(import.meta.url)
process.on('exit', () => {
  const names = Object.keys(cache).flatMap((path) => /\/node_modules\/(@opentelemetry\/[\w-]+)\//.exec(path)?.[1] ?? [])
  writeSync(2, `loaded: ${JSON.stringify([...new Set(names)].sort())}\n`)
})
