import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { CheckReport } from '../../invariants/check-report.ts'

const checker = fileURLToPath(new URL('../../invariants/main.ts', import.meta.url))

/**
 * Gives a history to the checker, a program that knows nothing of this one.
 *
 * @throws when there is no whole history to judge
 */
export async function judge(folder: string): Promise<CheckReport> {
  const child = spawn(process.execPath, [checker, folder, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (code !== 0 && code !== 1) throw new Error(`The history cannot be judged (checker: ${String(code)}).\n${out}${errors}`)
  const verdict: CheckReport = JSON.parse(out)
  return verdict
}
