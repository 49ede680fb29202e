import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { cleanEnvironment } from '../../stack/worker-environment.ts'

const main = join(import.meta.dirname, '../../cmd/kafka-worker/main.js')
const run = promisify(execFile)

/** Node as this machine has it, without the one that the project brings. */
function machinesNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'))
  return folders
    .map((folder) => join(folder, 'node'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        // Not in this folder.
        return false
      }
    })
}

const path = machinesNode()
const version = path === undefined ? null : (await run(path, ['--version'])).stdout.trim().slice(1)
const isOlder = version !== null && Number(version.split('.')[0]) < 24

/** Code and words of a start that fails. */
async function startUnder(program: string, args: readonly string[] = []): Promise<unknown> {
  return run(program, [...args, main], { env: cleanEnvironment() }).catch((error: unknown) => error)
}

function refusal(older: string): unknown {
  const sentence = `kafka-worker needs Node 24 or newer, this is ${older}: start it with npm start, which brings its own, or install Node 24.\n`
  return expect.objectContaining({ code: 1, stdout: '', stderr: sentence })
}

describe('a Node older than 24 is refused with a sentence and exit code 1', () => {
  test.skipIf(!isOlder)('the machine’s own, which cannot read TypeScript', async () => {
    expect(await startUnder(path ?? '')).toEqual(refusal(version ?? ''))
  })

  test('a program that only claims to be Node 24', async () => {
    const code = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.19.0' } })`
    const preload = ['--import', `data:text/javascript,${encodeURIComponent(code)}`]
    expect(await startUnder(process.execPath, preload)).toEqual(refusal('22.19.0'))
  })
})
