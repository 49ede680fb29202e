import { posix } from 'node:path'
import type { SourceFile } from './source-files.ts'

export interface Import {
  readonly from: string
  /** A file of the repository, or the name of a package as it stands in package.json; `node:` modules are left out. */
  readonly to: string
  readonly kind: 'file' | 'package'
  /** Gone when the program runs. */
  readonly typeOnly: boolean
}

/** What a file imports or passes on, static and dynamic. */
export function importsOf({ path, text }: SourceFile): readonly Import[] {
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s)?(?:([^'";]*?)\sfrom\s+)?'([^']+)'/gm)].map(([, type, names, to]) => ({
    typeOnly: type !== undefined || everyNameIsAType(names ?? ''),
    to: to ?? '',
  }))
  const dynamic = [...text.matchAll(/\bimport\(\s*'([^']+)'/g)].map(([, to]) => ({ typeOnly: false, to: to ?? '' }))
  return [...found, ...dynamic].flatMap(({ to, typeOnly }): Import[] => {
    if (to.startsWith('node:')) return []
    if (to.startsWith('.')) return [{ from: path, to: posix.normalize(posix.join(posix.dirname(path), to)), kind: 'file', typeOnly }]
    return [{ from: path, to: packageOf(to), kind: 'package', typeOnly }]
  })
}

function everyNameIsAType(names: string): boolean {
  const inBraces = /^\{(.*)\}$/s.exec(names.trim())?.[1]
  if (inBraces === undefined) return false
  const each = inBraces.split(',').map((name) => name.trim())
  return each.filter((name) => name !== '').every((name) => name.startsWith('type '))
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
