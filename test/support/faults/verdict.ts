import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const checker = fileURLToPath(new URL('../../invariants/main.ts', import.meta.url))

/**
 * Gives a history to the checker, a program that knows nothing of this one.
 *
 * @throws with its sentences, when it finds anything
 */
export async function judge(folder: string): Promise<string> {
  const child = spawn(process.execPath, [checker, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (code !== 0) throw new Error(`The history does not hold (checker: ${String(code)}).\n${out}${errors}`)
  return out
}
