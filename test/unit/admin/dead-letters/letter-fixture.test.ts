import { expect, it } from 'vitest'
import { letterFixture } from '../../../../src/admin/dead-letters/letter-fixture.ts'
import { framed } from '../../../../src/events/framed-value.ts'
import { MAX_DEPTH } from '../../../../src/events/read-json.ts'
import { recordOf } from '../../../support/log-records.ts'
import { deadLetter, emailReader } from '../../../support/dead-letter.ts'

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`

it.each([
  [
    'a value that nests too deeply',
    `{"a":${nested(MAX_DEPTH)}}`,
    'has a value that is nested too deeply to be parsed (more than 32 levels),',
  ],
  ['a value that is not JSON', 'Winifred {', 'has a value that is not JSON and cannot be parsed,'],
  ['a value that is not UTF-8', Buffer.from([0xff]), 'has a value that is not UTF-8 and cannot be parsed,'],
  ['a value of a schema registry', framed(1, Buffer.from('{}')), 'has a value in the format of a schema registry, which is not exported,'],
  ['JSON that is no object', nested(MAX_DEPTH), 'has no JSON object as its value,'],
  ['an empty value', '', 'has no value,'],
])('a dead letter with %s is not exported, for that reason', (_, value, reason) => {
  expect(() => letterFixture(deadLetter, recordOf(0, value), emailReader, '.')).toThrow(
    `stage.email-workers/3/4711 ${reason} so its personal data cannot be found: look at it with "dlq show`,
  )
})
