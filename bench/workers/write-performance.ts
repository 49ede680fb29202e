import { readFile, writeFile } from 'node:fs/promises'
import type { Summary } from './figures.ts'
import { renderMarkdown } from './render-summary.ts'

const paper = new URL('../../docs/internals/performance.md', import.meta.url)
const [before, after] = ['<!-- bench -->', '<!-- /bench -->']

/** Writes the tables of a run into docs/internals/performance.md. */
export async function writePerformance(summaries: readonly Summary[], conditions: readonly string[]): Promise<void> {
  await writeFile(paper, withTables(await readFile(paper, 'utf8'), summaries, conditions))
}

/** The document with these tables between its marks. @throws {Error} it has no marks */
export function withTables(text: string, summaries: readonly Summary[], conditions: readonly string[]): string {
  const [from, to] = [text.indexOf(before), text.indexOf(after)]
  if (from === -1 || to < from) throw new Error(`docs/internals/performance.md has no part between ${before} and ${after}.`)
  const [command = '', ...others] = conditions
  const [call, rest] = [command.slice(0, command.indexOf(':')), command.slice(command.indexOf(':'))]
  const part = [`\`${call}\`${rest} ${others.join(' ')}`, ...summaries.map(renderMarkdown)].join('\n\n')
  return `${text.slice(0, from + before.length)}\n${part}\n${text.slice(to)}`
}
