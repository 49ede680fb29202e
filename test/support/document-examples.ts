import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { files } from '../repo/source-files.ts'

/** A TypeScript block of a document. */
export interface Example {
  readonly document: string
  /** From the line `<!-- example: name -->` above the block; null where there is none. */
  readonly name: string | null
  readonly code: string
}

/** Every TypeScript block of the README and of docs; their imports are relative to the root of the repository. */
export const examples: readonly Example[] = files
  .filter((path) => path === 'README.md' || /^docs\/.*\.md$/.test(path))
  .flatMap((document) => examplesIn(document, readFileSync(document, 'utf8')))

export function examplesIn(document: string, text: string): readonly Example[] {
  return [...text.matchAll(/(?:<!-- example: ([\w-]+) -->\n)?^```(?:ts|js|typescript|javascript)\n([\s\S]*?)^```$/gm)].map(
    ([, name = null, code = '']) => ({ document, name, code }),
  )
}

/** @throws Error where no document has an example of that name. */
export function exampleNamed(name: string): Example {
  const example = examples.find((candidate) => candidate.name === name)
  if (example === undefined) throw new Error(`no document has a block under <!-- example: ${name} -->`)
  return example
}

/** Writes examples as modules of a folder of their own, in which their imports lead into this repository. */
export async function writeExamples(
  list: readonly Example[],
): Promise<{ readonly folder: string; readonly paths: readonly string[] } & AsyncDisposable> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'kafka-worker-examples-'))
  const paths = list.map((example, index) => join(folder.path, `${example.name ?? `unnamed-${index}`}.ts`))
  await writeFile(join(folder.path, 'package.json'), '{"type":"module"}\n')
  const publisher = `'${process.cwd()}/src/publisher/connect-publisher.ts'`
  for (const [index, { code }] of list.entries()) {
    const inRepository = code.replaceAll(/'\.\//g, `'${process.cwd()}/`).replaceAll("'kafka-worker/publisher'", publisher)
    await writeFile(paths[index] ?? '', inRepository)
  }
  return { folder: folder.path, paths, [Symbol.asyncDispose]: () => folder.remove() }
}
