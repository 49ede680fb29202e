import { parseArgs } from 'node:util'
import { checkHistory } from './check.ts'
import { wordsOf } from './verdict.ts'

/**
 * `node test/invariants/main.ts <folder> [--json]`: judges the history in the folder. Exit code 0 when everything holds, 1 when
 * something does not, 2 when there is no whole history to judge.
 */
const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true })
const [folder, ...others] = positionals
if (folder === undefined || others.length > 0) {
  console.error('Usage: node test/invariants/main.ts <folder of a history> [--json]')
  process.exitCode = 2
} else {
  try {
    const verdict = await checkHistory(folder)
    console.log(values.json ? JSON.stringify(verdict) : wordsOf(verdict))
    process.exitCode = verdict.held ? 0 : 1
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 2
  }
}
