import { expect, test } from 'vitest'
import { filesUnder } from './source-files.ts'

const migrations = filesUnder(['src/infra/postgres/schema/migrations'], '.sql')
const tables = new Set(
  migrations.flatMap(({ text }) => [...text.matchAll(/CREATE TABLE (?:IF NOT EXISTS )?\w+\.(\w+)/g)].map(([, name]) => name)),
)

/** Where a table is named in SQL, with what stands before its name. */
const places = new RegExp(
  String.raw`\b(?:FROM|JOIN|UPDATE|INTO|TABLE|ONLY|USING|REFERENCES|ANALYZE|TRUNCATE|NULL::|EXISTS)\s*(?:ONLY\s+)?(\w+\.)?(${[...tables].join('|')})\b`,
  'g',
)

const named = filesUnder(['src', 'cmd', 'bench'], '.ts').flatMap(({ path, text }) =>
  [...text.matchAll(places)].map(({ 0: place, 1: schema = '', index }) => ({
    schema,
    place: `${path}:${text.slice(0, index).split('\n').length}: ${place}`,
  })),
)

test('every table in SQL is named with its schema, so that no search_path decides which one is meant', () => {
  expect(tables.size).toBeGreaterThan(15)
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter(({ schema }) => schema === '').map(({ place }) => place)).toEqual([])
})

test("the platform's tables are named platform.<table>, which becomes PLATFORM_SCHEMA, and never by a schema of their own", () => {
  expect(named.filter(({ schema }) => !['platform.', 'worker.', 'demo.'].includes(schema)).map(({ place }) => place)).toEqual([])
})
