import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { Command } from 'commander'
import { letterFixture, type LetterFixture } from '../../src/admin/dead-letters/letter-fixture.ts'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { oneLetter, recordGone, readAll, replayingGroups, withLetters } from './dlq-context.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly out: string
  readonly force?: boolean
  readonly json?: boolean
}

const HELP = `
Writes two files: the record as JSON, with examples of the same shape in place of personal data, and a test of vitest that decodes it and runs the
group's accept. The test fails with the letter's reason, until the code accepts the event. Files that exist are kept unless --force is given.

Examples:
  npm run workerctl -- dlq export email-workers/3/4711 --out test/unit/dead-letters`

export function addDlqExport(parent: Command, terminal: Terminal): void {
  parent
    .command('export')
    .argument('<letter>', 'as shown by "dlq list"')
    .description('write a dead letter without personal data, and a test that fails until the code accepts it')
    .requiredOption('--out <directory>', 'where to; it is made when it does not exist')
    .option('--force', 'overwrite files of an earlier export')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (handle: string, { out, force = false, json }: Options) => {
      const fixture = await withLetters(terminal, { letters: [handle] }, async (letters) => {
        const record = await oneLetter(letters, handle)
        const read = (await readAll(letters, [record])).get(letterHandle(record))
        if (read === undefined) throw recordGone(letterHandle(record))
        return letterFixture(record, read.record, replayingGroups(letters)(record.group).reader, sourceFrom(out))
      })
      const files = await writeFixture(out, fixture, force)
      if (json === true) terminal.out(renderJson({ files }))
      else terminal.out(`Written: ${files.join(', ')}. ${runSentence(out, files[1])}`)
    })
}

/**
 * Writes both files and makes their directory; returns their paths.
 *
 * @throws {OperatorError} one of them exists, which `force` allows, or cannot be written
 */
export async function writeFixture(
  out: string,
  { name, json, test }: LetterFixture,
  force: boolean,
): Promise<readonly [json: string, test: string]> {
  const files = [join(out, `${name}.json`), join(out, `${name}.test.ts`)] as const
  const existing = force ? undefined : files.find((file) => existsSync(file))
  if (existing !== undefined)
    throw new OperatorError(
      `The file ${existing} exists already: overwrite it by --force, or name another directory by --out. Nothing was written.`,
    )
  const flag = force ? 'w' : 'wx'
  try {
    await mkdir(out, { recursive: true })
    await writeFile(files[0], json, { flag })
    await writeFile(files[1], test, { flag })
  } catch (error) {
    throw new OperatorError(`The files cannot be written to ${out} (${messageOf(error)}): name another directory by --out.`, {
      cause: error,
    })
  }
  return files
}

/** How to run the exported test: vitest finds it only below test/unit, and its imports hold only where it was written. */
export function runSentence(out: string, file: string): string {
  const path = relative(join(import.meta.dirname, '../../test/unit'), resolve(out))
  return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path)
    ? 'The test belongs below test/unit of this program: export it with --out test/unit/dead-letters to run it with vitest.'
    : `Run the test: npx vitest run ${file}`
}

/** This program's `src` as a file in the directory imports it. */
function sourceFrom(directory: string): string {
  const path = relative(resolve(directory), join(import.meta.dirname, '../../src'))
  return path.startsWith('.') ? path : `./${path}`
}
