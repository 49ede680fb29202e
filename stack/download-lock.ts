import { open, readFile, rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { ProcessIdentity } from './process-identity.ts'
import { identifyProcess, isRunning } from './process-identity.ts'

/**
 * Waits until the lock file is ours, or until `done`. A lock whose owner no longer runs is taken over. Two waiters may take it over in the same
 * moment: then both download, each into a folder of its own, and the rename of the second finds the work done; nothing worse.
 */
export async function lock(path: string, done: () => boolean, onWait: () => void): Promise<() => Promise<void>> {
  for (let attempt = 1; !done(); attempt++) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(JSON.stringify(identifyProcess(process.pid)))
      await file.close()
      return async () => rm(path, { force: true })
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
    }
    if (attempt === 1) onWait()
    const owner = await readOwner(path)
    if (owner && !isRunning(owner)) await rm(path, { force: true })
    await pause(200)
  }
  return async () => undefined
}

/** Undefined while the file is being written, or when it went away. */
async function readOwner(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const owner: ProcessIdentity = JSON.parse(await readFile(path, 'utf8'))
    return owner
  } catch {
    return undefined
  }
}
