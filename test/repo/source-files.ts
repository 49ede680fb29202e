import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

export interface SourceFile {
  /** From the root of the repository, with slashes. */
  readonly path: string
  readonly text: string
}

/** The repository's files: those that git knows, and new ones that it does not ignore. */
export const files: readonly string[] = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(path))

export function filesUnder(folders: readonly string[], ending: string): readonly SourceFile[] {
  return files
    .filter((path) => folders.some((folder) => path.startsWith(`${folder}/`)) && path.endsWith(ending))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }))
}

/** The lines of a Markdown file between `<!-- name -->` and `<!-- /name -->`. */
export function markedPart(path: string, name: string): string {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const [before, after] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(before), text.indexOf(after)]
  if (from < 0 || to < from) throw new Error(`${path} has no part between ${before} and ${after}`)
  return text.slice(from + before.length, to).trim()
}

/** The first code word (`like this`) of each row of a Markdown table, without its head. */
export function firstCells(table: string): readonly string[] {
  return tableRows(table).map(([first]) => /`([^`]+)`/.exec(first ?? '')?.[1] ?? first ?? '')
}

/** The cells of each row of the Markdown tables in `text`, without their heads. */
export function tableRows(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  const head = (index: number) => /^\|[\s:|-]+\|$/.test(lines[index] ?? '')
  return lines
    .filter((_, index) => !head(index) && !head(index + 1))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}
