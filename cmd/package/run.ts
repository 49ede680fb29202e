import { copyFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../../src/std/failure.ts'
import { bundle } from './bundle.ts'
import { notices, packedManifest, packedReadme } from './packed-texts.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const built = join(root, 'dist')
/** What the repository's own files are called while the package's lie in their place. */
const kept = join(root, '.unpacked')
const replaced = ['package.json', 'README.md']

/**
 * Runs before and after `npm pack`, which packs whatever `package.json` says: `prepack` builds the publisher and puts the package's own
 * `package.json` and `README.md` in the place of the repository's, `postpack` puts those back. A kill in between
 * leaves the package's files there; git has the others.
 *
 * @returns the exit code
 */
export async function run([step]: readonly string[]): Promise<number> {
  try {
    await putBack()
    if (step === 'postpack') return 0
    await rm(built, { recursive: true, force: true })
    await bundle({ root, to: built })
    await writeFile(join(built, 'NOTICES.txt'), await notices(root))
    const texts = [await packedManifest(root), await packedReadme(root)]
    await mkdir(kept)
    for (const name of replaced) await copyFile(join(root, name), join(kept, name))
    for (const [index, name] of replaced.entries()) await writeFile(join(root, name), texts[index] ?? '')
    return 0
  } catch (error) {
    await putBack()
    process.stderr.write(`${messageOf(error)}\n`)
    return 1
  }
}

async function putBack(): Promise<void> {
  for (const name of replaced) if (await exists(join(kept, name))) await rename(join(kept, name), join(root, name))
  await rm(kept, { recursive: true, force: true })
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
