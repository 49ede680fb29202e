import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { guard } from './guard.ts'
import { identifyProcess } from './process-identity.ts'

export type GuardedProcess = {
  readonly pid: number
  /** Resolves with how it ended, in words: `exit code 1`, `signal SIGKILL`. Never rejects. */
  readonly exited: Promise<string>
  running(): boolean
  signal(signal: NodeJS.Signals): void
  /** Sends `signal`, SIGKILL after `graceMs`, and resolves when the process is gone. */
  end(signal: NodeJS.Signals, graceMs?: number): Promise<void>
}

type SpawnOptions = {
  /** Its whole environment; see cleanEnvironment. */
  readonly env: Readonly<Record<string, string>>
  /** Receives standard output and error, appended. */
  readonly logFile: string
  /** What the guardian sends first when we die; SIGKILL by default. */
  readonly lastSignal?: NodeJS.Signals
  readonly cwd?: string
  readonly user?: { readonly uid: number; readonly gid: number }
}

/**
 * Starts a program in a session of its own, so that Ctrl-C in a terminal reaches us and not it, and under the guard, so that it never outlives
 * us. It does not keep this process alive, except while `end` waits for it.
 *
 * @throws when the program cannot be started
 */
export async function spawnGuarded(command: string, args: readonly string[], options: SpawnOptions): Promise<GuardedProcess> {
  const log = await open(options.logFile, 'a')
  try {
    const child = spawn(command, args, {
      detached: true,
      env: options.env,
      stdio: ['ignore', log.fd, log.fd],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...options.user,
    })
    const { pid } = child
    const identity = pid === undefined ? undefined : identifyProcess(pid)
    const release = identity ? guard({ kind: 'process', process: identity, signal: options.lastSignal ?? 'SIGKILL' }) : () => undefined
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => {
        release()
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`)
      })
    })
    await once(child, 'spawn')
    child.unref()
    const running = () => child.exitCode === null && child.signalCode === null
    return {
      pid: pid ?? 0,
      exited,
      running,
      signal: (signal) => void child.kill(signal),
      end: async (signal, graceMs = 10_000) => {
        if (!running()) return
        child.ref()
        child.kill(signal)
        const kill = setTimeout(() => child.kill('SIGKILL'), graceMs)
        await exited
        clearTimeout(kill)
      },
    }
  } finally {
    await log.close()
  }
}
