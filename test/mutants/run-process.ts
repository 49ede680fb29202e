import { spawn } from 'node:child_process'

/** Tests under `npx -c` inherit its settings, and every npx that they start would refuse its own command for them. */
const notOfNpx = { npm_config_call: '', npm_config_package: '' }

/**
 * Runs a program until it exits, in a process group of its own; when `signal` aborts, the whole group is killed.
 *
 * @param on.env is added to the current environment
 * @returns `code` null when it was killed; `output` from both streams
 */
export async function runProcess(
  command: string,
  args: readonly string[],
  on: { cwd: string; env: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<{ readonly code: number | null; readonly output: string }> {
  const env = { ...process.env, ...notOfNpx, ...on.env }
  const child = spawn(command, args, { cwd: on.cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk))
  const kill = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL')
  }
  if (on.signal.aborted) kill()
  on.signal.addEventListener('abort', kill, { once: true })
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, output: chunks.join('') }))
    })
  } finally {
    on.signal.removeEventListener('abort', kill)
  }
}
