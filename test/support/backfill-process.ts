import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import packageJson from '../../package.json' with { type: 'json' }
import { cleanEnvironment } from '../../stack/worker-environment.ts'

export interface BackfillProcess extends AsyncDisposable {
  readonly pid: number
  /** How it ended: the exit code, or null when it was killed. */
  readonly result: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
}

/** `workerctl leaderboard backfill` as an operator starts it: a process of its own, killed at the end of the test if it still runs. */
export function startBackfill(databaseUrl: string, ...args: readonly string[]): BackfillProcess {
  const env = cleanEnvironment({ KAFKA_BROKERS: '127.0.0.1:1', DATABASE_URL: databaseUrl })
  const [, ...program] = packageJson.scripts.workerctl.split(' ')
  const child = spawn(process.execPath, [...program, 'leaderboard', 'backfill', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  return {
    pid: child.pid ?? -1,
    result: Promise.all([text(child.stdout), text(child.stderr), exited]).then(([out, err]) => ({ code: child.exitCode, out, err })),
    kill,
    [Symbol.asyncDispose]: kill,
  }
}
