import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { files } from './source-files.ts'

/** Their examples name documents that do not exist here. */
const ownExamples = new Set(['test/repo/documents.test.ts', 'test/repo/named-documents.test.ts'])

const named = files
  .filter((path) => !/\.(?:md|png|svg|jsonl)$|^package-lock\.json$/.test(path) && !ownExamples.has(path))
  .flatMap((path) => documentsIn(readFileSync(path, 'utf8')).map((document) => ({ path, document })))

it('names only documents of this repository in code, configuration and messages, from its root', () => {
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter(({ document }) => !files.includes(document))).toEqual([])
})

it('finds the name of a document in a comment, a message and a path of another folder', () => {
  expect(documentsIn('/** docs/a.md */ (b.md, Section) ../../docs/c.md#part https://example.com/d.md')).toEqual([
    'docs/a.md',
    'b.md',
    'docs/c.md',
  ])
})

/** Names of Markdown files in a text that are not addresses of the web, from the root of the repository. */
function documentsIn(text: string): readonly string[] {
  return [...text.matchAll(/(?<![\w./-])(\.\.\/)*((?:[\w-]+\/)*[\w-]+\.md)\b/g)].map(([, , name = '']) => name)
}
