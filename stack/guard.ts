import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { cleanEnvironment } from './worker-environment.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** What the guardian does away with once this process is gone. `signal` is tried first; SIGKILL follows for what is left. */
export type Guarded =
  | { readonly kind: 'process'; readonly process: ProcessIdentity; readonly signal: NodeJS.Signals }
  | { readonly kind: 'folder'; readonly path: string }

/** A line to the guardian. */
export type GuardLine = { readonly id: number; readonly guarded: Guarded | null }

let guardian: ChildProcess | undefined
let nextId = 1
const held = new Set<number>()

/**
 * From here on `guarded` is done away with when this process ends in whatever way, SIGKILL included: a child of ours, in a session of its own,
 * holds the reading end of a pipe that only this process writes to, and cleans up when it closes. No signal handler is installed, so what
 * SIGINT and SIGTERM do stays the program's choice.
 *
 * @returns takes it back, once the process has ended or the folder is removed
 */
export function guard(guarded: Guarded): () => void {
  const id = nextId++
  held.add(id)
  sendToGuardian({ id, guarded })
  return () => {
    if (!held.delete(id)) return
    sendToGuardian({ id, guarded: null })
    if (held.size > 0) return
    guardian?.stdin?.end()
    guardian = undefined
  }
}

/** Written at once and in the caller's tick: node writes to a pipe synchronously as long as it has room. */
function sendToGuardian(line: GuardLine): void {
  guardian ??= startGuardian()
  guardian.stdin?.write(`${JSON.stringify(line)}\n`)
}

function startGuardian(): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL('guardian.ts', import.meta.url))], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: cleanEnvironment({ NODE_OPTIONS: '' }),
  })
  child.unref()
  const stdin = child.stdin
  if (stdin && 'unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  stdin?.on('error', () => {
    // EPIPE: somebody killed the guardian. Servers that are stopped in order need no guardian.
  })
  once(child, 'error').then(
    ([cause]) => process.emitWarning(`the guardian of the local stack did not start: ${String(cause)}`),
    () => undefined,
  )
  return child
}
