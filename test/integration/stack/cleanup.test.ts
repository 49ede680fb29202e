import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ProcessIdentity } from '../../../stack/process-identity.ts'
import { identifyProcess, isRunning } from '../../../stack/process-identity.ts'
import { cleanEnvironment } from '../../../stack/worker-environment.ts'

const program = fileURLToPath(new URL('cleanup-child.ts', import.meta.url))

type Started = { readonly processes: readonly ProcessIdentity[]; readonly folders: readonly string[] }

test.for([
  { how: 'is killed with SIGKILL', signal: 'SIGKILL' },
  { how: 'gets SIGINT', signal: 'SIGINT' },
  { how: 'gets SIGTERM', signal: 'SIGTERM' },
  { how: 'exits without stopping anything', argument: 'exit' },
  { how: 'stops the stack', argument: 'stop' },
] as const)('servers and folders are removed after their program $how', async (ending) => {
  const temporary = await temporaryFolder()
  const argument = 'argument' in ending ? [ending.argument] : []
  const child = spawn(process.execPath, [program, ...argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: cleanEnvironment({ TMPDIR: temporary }),
  })
  const exited = once(child, 'exit')
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const started: Started = JSON.parse(String(line))
  expect(started.processes).toHaveLength(2)
  const before = { running: started.processes.filter(isRunning).length, folders: started.folders.filter((path) => existsSync(path)).length }
  if ('signal' in ending) child.kill(ending.signal)
  await exited
  expect('signal' in ending ? before : { running: 2, folders: 1 }).toEqual({ running: 2, folders: 1 })
  await vi.waitFor(
    async () => {
      expect(started.processes.map(isRunning)).toEqual([false, false])
      expect(await readdir(temporary)).toEqual([])
    },
    { timeout: 60_000, interval: 50 },
  )
})

test('a process that reuses the pid of a guarded process is not killed', async () => {
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore' })
  onTestFinished(() => void bystander.kill('SIGKILL'))
  await once(bystander, 'spawn')
  const identity = identifyProcess(bystander.pid ?? 0)
  const folder = join(await temporaryFolder(), 'guarded')
  await mkdir(folder)

  await guardAndDie({ pid: identity?.pid, started: 'at another time' }, folder)
  // Folders go after processes, so this is the moment when it would be dead.
  await vi.waitFor(() => expect(existsSync(folder)).toBe(false), { timeout: 60_000 })
  expect(identity && isRunning(identity)).toBe(true)

  await mkdir(folder)
  await guardAndDie(identity, folder)
  await vi.waitFor(() => expect(existsSync(folder)).toBe(false), { timeout: 60_000 })
  expect(identity && isRunning(identity)).toBe(false)
})

async function guardAndDie(identity: object | undefined, folder: string): Promise<void> {
  const script = `
    import { guard } from ${JSON.stringify(new URL('../../../stack/guard.ts', import.meta.url).href)}
    guard({ kind: 'process', process: ${JSON.stringify(identity)}, signal: 'SIGTERM' })
    guard({ kind: 'folder', path: ${JSON.stringify(folder)} })`
  await once(spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' }), 'exit')
}

/** Passable by the user that PostgreSQL runs as when we are root. */
async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stack-test-'))
  await chmod(path, 0o755)
  onTestFinished(async () => rm(path, { recursive: true, force: true }))
  return path
}
