import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PostgresServer } from '../../../stack/postgres-server.ts'
import { tempFolder } from '../../../stack/temp-folder.ts'

/** A database server as it once was. */
export interface BaseCopy extends AsyncDisposable {
  /** A crash, and the server is up again as it was when the copy was made; as often as wanted. */
  restore(): Promise<void>
}

/** Copies the data of a server as a backup does that stops it: connections are cut, and the server is up again when this resolves. */
export async function takeBaseCopy(server: PostgresServer): Promise<BaseCopy> {
  const kept = tempFolder('base-copy')
  const copy = join(kept.path, 'data')
  await server.halt('fast')
  await promisify(execFile)('cp', ['-a', server.dataDir, copy])
  await server.resume()
  return {
    restore: async () => {
      await server.halt('immediate')
      await rm(server.dataDir, { recursive: true })
      await promisify(execFile)('cp', ['-a', copy, server.dataDir])
      await server.resume()
    },
    [Symbol.asyncDispose]: () => kept.remove(),
  }
}
