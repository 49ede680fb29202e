import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The arguments that `npm start` gives to node, heap limits included, with the program's full path: demo and tests start the
 * daemon exactly as its users do, but without npm between them and its signals.
 *
 * @param root of another copy of the repository, with a slash at its end
 * @throws {Error} `scripts.start` is no plain call of node
 */
export function daemonCommand(root = new URL('../', import.meta.url)): { readonly command: string; readonly args: readonly string[] } {
  const packageJson: unknown = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const match = /"start":"node ((?:--[^\s"]+ )*)([^\s"]+)"/.exec(JSON.stringify(packageJson))
  if (match === null) throw new Error('scripts.start in package.json is no plain call of node')
  const [, flags = '', program = ''] = match
  return {
    command: process.execPath,
    args: [...flags.split(' ').filter(Boolean), fileURLToPath(new URL(program, root))],
  }
}
