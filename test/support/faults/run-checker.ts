import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { CheckReport } from '../../invariants/check-report.ts'

const checker = fileURLToPath(new URL('../../invariants/main.ts', import.meta.url))

/**
 * Runs the checker, a separate program, on a history.
 *
 * @throws when the history is incomplete
 */
export async function runChecker(folder: string): Promise<CheckReport> {
  const child = spawn(process.execPath, [checker, folder, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (code !== 0 && code !== 1) throw new Error(`The history cannot be checked (exit code ${String(code)}).\n${out}${errors}`)
  const report: CheckReport = JSON.parse(out)
  return report
}
