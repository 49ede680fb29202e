import { expect, test } from 'vitest'
import { knownGroups, tablesOf } from '../../src/consumers/registry.ts'
import { filesUnder } from './source-files.ts'

/** The schemas of each table, by its name, as the migration sets and the demo create them; the platform's files say public. */
const tables = new Map([['accounts', ['demo']]])
for (const { text } of filesUnder(['src'], '.sql')) {
  for (const [, schema = '', name = ''] of text.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?(\w+)\.(\w+)/g)) {
    tables.set(name, [...(tables.get(name) ?? []), schema === 'public' ? 'platform' : schema])
  }
}

/** Where a table is named in SQL, with what stands before its name. */
const places = new RegExp(
  String.raw`\b(?:FROM|JOIN|UPDATE|INTO|TABLE|ONLY|USING|REFERENCES|ANALYZE|TRUNCATE|NULL::|EXISTS)\s*(?:ONLY\s+)?(\w+\.)?(${[...tables.keys()].join('|')})\b`,
  'g',
)

const named = filesUnder(['src', 'cmd', 'bench'], '.ts').flatMap(({ path, text }) =>
  [...text.matchAll(places)].map(({ 0: place, 1: schema = '', 2: table = '', index }) => ({
    schema,
    table,
    place: `${path}:${text.slice(0, index).split('\n').length}: ${place}`,
  })),
)

test('the tables are those of every migration set, those of groups included', () => {
  const ofGroups = tablesOf(knownGroups.groups).flatMap(({ schema, needs }) => Object.keys(needs).map((table) => [table, schema] as const))
  expect(ofGroups.length).toBeGreaterThan(0)
  expect(ofGroups.filter(([table, schema]) => tables.get(table)?.includes(schema) !== true)).toEqual([])
})

test('every table in SQL is named with its schema, so that no search_path decides which one is meant', () => {
  expect(tables.size).toBeGreaterThan(15)
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter(({ schema }) => schema === '').map(({ place }) => place)).toEqual([])
})

test("every table is named by the schema in which its migration set creates it; the platform's by platform, which becomes PLATFORM_SCHEMA", () => {
  expect(named.filter(({ schema, table }) => !tables.get(table)?.includes(schema.slice(0, -1))).map(({ place }) => place)).toEqual([])
})
