import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { listedConsumers } from '../../src/consumers/registry.ts'
import { files } from './source-files.ts'

const folders = [...new Set(files.flatMap((path) => /^src\/consumers\/([^/]+)\//.exec(path)?.[1] ?? []))]

it('registers every folder under src/consumers by one import and one line', () => {
  const index = readFileSync('src/consumers/registry.ts', 'utf8')
  const imported = [...index.matchAll(/^import \{ (\w+) \} from '\.\/([^/']+)\//gm)].map(([, name, folder]) => ({ name, folder }))
  expect(new Set(imported.map(({ folder }) => folder))).toEqual(new Set(folders))
  const list = index.slice(index.indexOf('return ['))
  for (const { name } of imported) expect(list).toContain(`    ${name}`)
  expect(listedConsumers).toHaveLength(folders.length)
})

it('gives each folder the name of its group', () => {
  expect(new Set(listedConsumers.map(({ name }) => name))).toEqual(new Set(folders.map((folder) => `${folder}-workers`)))
})
