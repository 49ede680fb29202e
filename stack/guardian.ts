// Started by guard.ts. Reads what to guard, a JSON line each, and does away with it when its standard input closes.
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { Guarded, GuardLine } from './guard.ts'
import { isRunning } from './process-identity.ts'

const guarded = new Map<number, Guarded>()

// A signal to a whole session (a closed terminal, a runner's cancel) must not take the guardian along with what it guards.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

for await (const line of createInterface({ input: process.stdin })) {
  const { id, guarded: entry }: GuardLine = JSON.parse(line)
  if (entry) guarded.set(id, entry)
  else guarded.delete(id)
}

const entries = [...guarded.values()]
// Folders last: a server that still runs would write new files into a folder just emptied.
await Promise.all(entries.filter((entry) => entry.kind === 'process').map(end))
await Promise.all(entries.filter((entry) => entry.kind === 'folder').map(remove))

async function end({ process: identity, signal }: Extract<Guarded, { kind: 'process' }>): Promise<void> {
  for (const attempt of [signal, 'SIGKILL'] as const) {
    if (!isRunning(identity)) return
    send(identity.pid, attempt)
    const deadline = Date.now() + 3_000
    while (isRunning(identity) && Date.now() < deadline) await pause(20)
  }
}

/** Guarded processes lead their own group; SIGKILL goes to all of it, a wish to end to its leader alone. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(signal === 'SIGKILL' ? -pid : pid, signal)
  } catch {
    // It ended meanwhile.
  }
}

async function remove({ path }: Extract<Guarded, { kind: 'folder' }>): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}
