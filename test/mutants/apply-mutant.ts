import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutant } from './mutant.ts'

/**
 * Breaks the program in the folder `root`, in place.
 *
 * @throws {Error} a text does not occur exactly once in its file: the table is out of date
 */
export function applyMutant(root: string, { name, edits }: Mutant): void {
  for (const { file, text, becomes } of edits) {
    const path = join(root, file)
    const [before, after, ...more] = readFileSync(path, 'utf8').split(text)
    if (before === undefined || after === undefined || more.length > 0)
      throw new Error(`"${name}": its text does not occur exactly once in ${file}. Update the tables of test/mutants.`)
    writeFileSync(path, before + becomes + after)
  }
}
