import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { runSentence, writeFixture } from '../../../cmd/workerctl/dlq-export.ts'
import { tempFolder } from '../../../stack/temp-folder.ts'

const root = join(import.meta.dirname, '../../..')

it.each(['test/unit', 'test/unit/dead-letters', 'test/unit/..dead-letters'])('a test that is exported to %s can be run there', (out) => {
  expect(runSentence(join(root, out), 'one.test.ts')).toBe('Run the test: npx vitest run one.test.ts')
})

it.each(['.', 'test', 'test/units', '../letters'])('a test that is exported to %s is said to belong below test/unit', (out) => {
  expect(runSentence(join(root, out), 'one.test.ts')).toBe(
    'The test belongs below test/unit of this program: export it with --out test/unit/dead-letters to run it with vitest.',
  )
})

const fixture = { name: 'one', json: 'json', test: 'test' }

/** A folder that is removed behind the test. */
function folder(): string {
  const made = tempFolder('export')
  onTestFinished(() => made.remove())
  return made.path
}

it.each(['one.json', 'one.test.ts'])('an export writes nothing where %s exists, and overwrites it when forced', async (name) => {
  const out = folder()
  writeFileSync(join(out, name), 'edited')
  await expect(writeFixture(out, fixture, false)).rejects.toThrow(
    `The file ${join(out, name)} exists already: overwrite it by --force, or name another directory by --out. Nothing was written.`,
  )
  expect(readdirSync(out)).toEqual([name])
  expect(readFileSync(join(out, name), 'utf8')).toBe('edited')

  await writeFixture(out, fixture, true)
  expect(readdirSync(out).map((file) => readFileSync(join(out, file), 'utf8'))).toEqual(['json', 'test'])
})

it('an export makes its directory, and says in a sentence where it cannot be written', async () => {
  const out = join(folder(), 'new', 'folder')
  expect(await writeFixture(out, fixture, false)).toEqual([join(out, 'one.json'), join(out, 'one.test.ts')])
  await expect(writeFixture(join(out, 'one.json'), fixture, false)).rejects.toThrow(/^The files cannot be written to .*: name another/)
  mkdirSync(join(out, 'two.json'))
  await expect(writeFixture(out, { ...fixture, name: 'two' }, true)).rejects.toThrow(/^The files cannot be written to .*EISDIR/)
})
