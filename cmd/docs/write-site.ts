import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { GENERATOR } from './page-frame.ts'
import type { SiteFile } from './site.ts'

/**
 * Writes a site into a folder, and removes pages that an earlier one left there and this one does not have. Other files stay.
 *
 * @throws {OperatorError} the folder cannot be written, or holds a page of something else under the name of one of ours
 */
export async function writeSite(folder: string, files: readonly SiteFile[]): Promise<void> {
  try {
    await write(folder, files)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`${folder} cannot hold the site: ${messageOf(error)}. Name another folder: npm run docs -- --out FOLDER`)
  }
}

async function write(folder: string, files: readonly SiteFile[]): Promise<void> {
  const before = await pagesIn(folder)
  for (const { path: name } of files) {
    if (name.endsWith('.html') && before.get(name) === false)
      throw new OperatorError(`${path.join(folder, name)} is a page of something else. Name another folder: npm run docs -- --out FOLDER`)
  }
  for (const { path: name, text } of files) {
    const file = path.join(folder, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, text)
  }
  const written = new Set(files.map(({ path: name }) => name))
  for (const [name, isOurs] of before) if (isOurs && !written.has(name)) await rm(path.join(folder, name))
}

/** The pages in the folders that a site has, and whether each is of one. */
async function pagesIn(folder: string): Promise<ReadonlyMap<string, boolean>> {
  const pages = new Map<string, boolean>()
  for (const part of ['', 'events/', 'source/']) {
    const names = await readdir(path.join(folder, part)).catch(emptyWhereMissing)
    for (const name of names.filter((one) => one.endsWith('.html'))) {
      const text = await readFile(path.join(folder, part, name), 'utf8')
      pages.set(part + name, text.includes(`<meta name="generator" content="${GENERATOR}">`))
    }
  }
  return pages
}

function emptyWhereMissing(error: unknown): readonly string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
  throw error
}
