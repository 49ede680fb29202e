import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A process of its own that runs `statement` in a transaction and is then stopped (SIGSTOP), locks and all; disposing kills it. */
export async function startFrozenTransaction(databaseUrl: string, statement: string): Promise<AsyncDisposable> {
  const program = fileURLToPath(new URL('frozen-transaction-child.ts', import.meta.url))
  const child = spawn(process.execPath, [program, databaseUrl, statement], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then(() => {
      throw new Error('the process that was to hold the lock has ended')
    }),
  ])
  child.kill('SIGSTOP')
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
