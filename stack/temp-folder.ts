import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guard } from './guard.ts'

export type TempFolder = { readonly path: string; remove(): Promise<void> }

/** A fresh folder below the system's temporary one, removed by `remove`, or by the guardian when this process ends before. */
export function tempFolder(name: string): TempFolder {
  const path = mkdtempSync(join(tmpdir(), `kafka-worker-${name}-`))
  const release = guard({ kind: 'folder', path })
  return {
    path,
    remove: async () => {
      await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
      release()
    },
  }
}
