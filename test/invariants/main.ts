import { parseArgs } from 'node:util'
import { checkHistory } from './check-history.ts'
import { formatReport } from './check-report.ts'

/**
 * `node test/invariants/main.ts <folder> [--json]`: checks the history in the folder. Exit code 0 when every check passes,
 * 1 when one fails, 2 when there is no complete history.
 */
const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true })
const [folder, ...others] = positionals
if (folder === undefined || others.length > 0) {
  console.error('Usage: node test/invariants/main.ts <folder of a history> [--json]')
  process.exitCode = 2
} else {
  try {
    const report = await checkHistory(folder)
    console.log(values.json ? JSON.stringify(report) : formatReport(report))
    process.exitCode = report.passed ? 0 : 1
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 2
  }
}
