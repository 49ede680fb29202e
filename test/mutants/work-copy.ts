import { cp, symlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { tempFolder, type TempFolder } from '../../stack/temp-folder.ts'
import { runProcess } from './run-process.ts'

/** Large, and the same for all copies: linked instead of copied. */
const linked = ['node_modules', '.cache']

/** A copy of the work tree, uncommitted changes included, in a folder of its own. */
export async function workCopy(root: string): Promise<TempFolder> {
  const copy = tempFolder('mutant')
  const filter = (source: string) => ![...linked, '.git'].includes(relative(root, source))
  await cp(root, copy.path, { recursive: true, filter })
  for (const name of linked) await symlink(join(root, name), join(copy.path, name))
  return copy
}

/**
 * Checks that a copy still compiles: a mutant that does not would turn every scenario red, and prove nothing.
 *
 * @throws {Error} with what the compiler says
 */
export async function checkTypes(copy: string, signal: AbortSignal): Promise<void> {
  const compiler = join(copy, 'node_modules/typescript/bin/tsc')
  const args = [compiler, '--project', copy, '--noUnusedLocals', 'false', '--noUnusedParameters', 'false']
  const { code, output } = await runProcess(process.execPath, args, { cwd: copy, env: {}, signal })
  if (code !== 0) throw new Error(`it does not compile: ${output.slice(0, 2_000)}`)
}
