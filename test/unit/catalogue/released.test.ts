import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { changesBetween, type Catalogue } from '../../../src/catalogue/diff.ts'
import { lastRelease, readCatalogue, releasesIn, writeRelease } from '../../../src/catalogue/released.ts'
import { events } from '../../../src/events/catalogue/events.ts'
import { OperatorError } from '../../../src/std/failure.ts'

const current: Catalogue = { version: '1.2.0', events }
const candidate = (changes: object) => JSON.stringify({ version: '1.0.0', events: [{ ...events[0], ...changes }] })
const candidateData = (changes: object) => candidate({ data: { type: 'object', required: [], properties: {}, ...changes } })
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'released-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('the last release is the one with the highest number, and says what it said', async () => {
  expect(await lastRelease(path.join(folder, 'none'))).toBeNull()
  for (const version of ['1.9.0', '1.10.0', '0.20.30']) await writeRelease(folder, { version, events })
  await writeFile(path.join(folder, 'notes.json'), '')
  const last = await lastRelease(folder)
  expect(last?.version).toBe('1.10.0')
  expect(changesBetween(current, last ?? { version: '', events: [] })).toEqual([])
})

test('all releases are read in the order of their numbers', async () => {
  expect(await releasesIn(path.join(folder, 'none'))).toEqual([])
  for (const version of ['1.10.0', '1.9.0', '2.0.0']) await writeRelease(folder, { version, events })
  expect((await releasesIn(folder)).map(({ version }) => version)).toEqual(['1.9.0', '1.10.0', '2.0.0'])
})

test('a folder that cannot be read is refused in a sentence', async () => {
  const file = path.join(folder, 'released')
  await writeFile(file, '')
  await expect(releasesIn(file)).rejects.toThrow(
    /^The releases of the catalogue cannot be read: ENOTDIR.* Make .*released a folder that can be read\.$/,
  )
  await expect(releasesIn(file)).rejects.toBeInstanceOf(OperatorError)
})

test('a release is written once, and not changed', async () => {
  expect(await writeRelease(folder, current)).toBe(path.join(folder, '1.2.0.json'))
  await writeRelease(folder, current)
  await expect(writeRelease(folder, { ...current, events: events.slice(1) })).rejects.toThrow(
    '1.2.0 is released already and was different. Raise catalogueVersion',
  )
  expect(await readdir(folder)).toEqual(['1.2.0.json'])
})

test.each<[string, string]>([
  ['', 'is no catalogue: '],
  ['[]', 'is no catalogue: it has no version.'],
  ['{"version":"1.0.0"}', 'is no catalogue: it has no list of events.'],
  ['{"version":"1.0.0","events":[{}]}', 'is no catalogue: its event 1 has no type.'],
  ['{"version":"1.0.0","events":[{"type":"user.joined"}]}', 'is no catalogue: user.joined has no schema of its data.'],
  ['{"version":"1.0.0","events":[{"type":"user.joined","data":{}}]}', 'is no catalogue: user.joined has data without properties.'],
  [candidate({ identity: 'user_id' }), 'is no catalogue: user.signed_up has no list identity, of names of fields.'],
  [JSON.stringify({ version: '1.0.0', events: [events[0], events[0]] }), 'is no catalogue: user.signed_up is in it twice.'],
  [candidate({ owner: {} }), 'is no catalogue: user.signed_up has an owner without a team.'],
  [candidate({ deprecated: {} }), 'is no catalogue: user.signed_up is deprecated without a date "on".'],
  [candidate({ topic: 'no topic!' }), 'is no catalogue: user.signed_up has the topic "no topic!", which is not a topic name'],
  [candidateData({ additionalProperties: false }), 'is no catalogue: user.signed_up: /data/additionalProperties: schemas do without'],
  [
    candidateData({ required: ['phone'] }),
    'is no catalogue: user.signed_up: /data/required: phone is required and has no schema. Add it to the properties. Give a file',
  ],
  [candidateData({ properties: { a: true } }), 'is no catalogue: user.signed_up: /data/properties/a is no schema. Write an object.'],
  [candidateData({ properties: { a: null } }), 'is no catalogue: user.signed_up: /data/properties/a is no schema. Write an object.'],
  ...['$ref', 'allOf', 'oneOf', 'not'].map((keyword): [string, string] => [
    candidateData({ properties: { a: { [keyword]: [] } } }),
    `is no catalogue: user.signed_up: /data/properties/a/${keyword}: schemas do without "${keyword}"`,
  ]),
  [candidate({ owner: null }), 'is no catalogue: user.signed_up has no owner.'],
  [candidate({ version: '1' }), 'is no catalogue: user.signed_up has the version "1", which is not 1 or above.'],
  [candidate({ minor: -1 }), 'is no catalogue: user.signed_up has the minor -1, which is not 0 or above.'],
  [
    candidate({ retention: 'soon' }),
    'is no catalogue: user.signed_up has the retention "soon", which is not domain or analytics or audit.',
  ],
  [candidate({ retention: 'toString' }), 'is no catalogue: user.signed_up has the retention "toString"'],
  [candidate({ summary: 7 }), 'is no catalogue: user.signed_up has no text summary.'],
  [candidate({ data: { type: 'object', required: [] } }), 'is no catalogue: user.signed_up has data without properties.'],
  [candidate({ data: { type: 'object', properties: {} } }), 'is no catalogue: user.signed_up has data without a list of what is required.'],
  [
    candidate({ data: { type: 'object', required: [], properties: { a: { type: 'string', pattern: '(' } } } }),
    'is no catalogue: user.signed_up: /data/properties/a/pattern is "(". Write a regular expression that can be read with the flag u.',
  ],
])('%s is refused in a sentence', async (contents, sentence) => {
  const file = path.join(folder, 'candidate.json')
  await writeFile(file, contents)
  await expect(readCatalogue(file)).rejects.toThrow(`${file} ${sentence}`)
})
