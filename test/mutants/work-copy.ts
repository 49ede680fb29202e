import { cp, symlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { tempFolder, type TempFolder } from '../../stack/temp-folder.ts'
import { finished } from './finished.ts'

/** Big, and the same for all copies: linked instead. */
const linked = ['node_modules', '.cache']

/** The work tree as it is now, uncommitted changes included, in a folder of its own that may be broken. */
export async function workCopy(root: string): Promise<TempFolder> {
  const copy = tempFolder('mutant')
  const filter = (source: string) => ![...linked, '.git'].includes(relative(root, source))
  await cp(root, copy.path, { recursive: true, filter })
  for (const name of linked) await symlink(join(root, name), join(copy.path, name))
  return copy
}

/**
 * That a copy is still a program: a mutant that is none would turn every scenario red, and prove nothing.
 *
 * @throws {Error} with what the compiler says
 */
export async function checkTypes(copy: string, signal: AbortSignal): Promise<void> {
  const compiler = join(copy, 'node_modules/typescript/bin/tsc')
  const args = [compiler, '--project', copy, '--noUnusedLocals', 'false', '--noUnusedParameters', 'false']
  const { code, output } = await finished(process.execPath, args, { cwd: copy, env: {}, signal })
  if (code !== 0) throw new Error(`it does not compile: ${output.slice(0, 2_000)}`)
}
