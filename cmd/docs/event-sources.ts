import { glob, readFile } from 'node:fs/promises'
import path from 'node:path'
import { OperatorError } from '../../src/std/failure.ts'
import type { SourceText } from './site-model.ts'

/**
 * The file that defines each event.
 *
 * @param root folder of the repository
 * @throws {OperatorError} an event is defined in no file of the catalogue, or in several
 */
export async function eventSources(root: string, types: readonly string[]): Promise<ReadonlyMap<string, SourceText>> {
  const files: SourceText[] = []
  for await (const found of glob('src/events/catalogue/*/*.ts', { cwd: root }))
    files.push({ path: found.split(path.sep).join('/'), text: await readFile(path.join(root, found), 'utf8') })
  return new Map(types.map((type) => [type, sourceOf(type, files)]))
}

function sourceOf(type: string, files: readonly SourceText[]): SourceText {
  const [source, ...others] = files.filter(({ text }) => text.includes(`type: '${type}'`))
  if (source === undefined || others.length > 0)
    throw new OperatorError(
      `${type} is defined in ${others.length + (source === undefined ? 0 : 1)} files of src/events/catalogue: give it one of its own.`,
    )
  return source
}
