import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutant } from './mutant.ts'

/**
 * Breaks the program that lies in `root`, in place.
 *
 * @throws {Error} a text does not stand exactly once in its file: the table is behind the program
 */
export function plant(root: string, { name, edits }: Mutant): void {
  for (const { file, text, becomes } of edits) {
    const path = join(root, file)
    const [before, after, ...more] = readFileSync(path, 'utf8').split(text)
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`"${name}": its text stands not exactly once in ${file}. Bring the tables of test/mutants up to the program.`)
    writeFileSync(path, before + becomes + after)
  }
}
