import { readRecord, type RecordReader } from '../../ingest/read-chunks.ts'
import type { LogRecord } from '../../ingest/record-source.ts'
import { isFramed } from '../../events/framed-value.ts'
import { MAX_DEPTH, readJson } from '../../events/read-json.ts'
import type { DeadLetterReason } from '../../model/dead-letter-reason.ts'
import { OperatorError } from '../../std/failure.ts'
import { headerTexts } from '../../events/header.ts'
import type { DeadLetterRecord } from './dead-letter-admin.ts'
import { parsedValue } from '../records/field-errors.ts'
import { letterHandle } from './letter-handle.ts'
import { exampleOfShape, replacePersonal } from '../records/personal-fields.ts'

/** A dead letter as files for a test: the record without personal data, and a test that fails until the group accepts it. */
export interface LetterFixture {
  /** Of both files, without ending. */
  readonly name: string
  readonly json: string
  readonly test: string
}

/** Headers that decide how a record is read. */
const decisive = new Set([
  'event-type',
  'event-version',
  'ce_type',
  'ce_specversion',
  'ce_id',
  'ce_source',
  'ce_time',
  'ce_accountid',
  'ce_eventversion',
])

/**
 * Replaces what may be personal by examples of the same shape, and writes the test.
 *
 * @param source the path of this program's `src` as the test imports it, such as `../../src`
 * @throws {OperatorError} the record has no fields that could be redacted, or the redacted one would not fail: then no such test can
 */
export function letterFixture(letter: DeadLetterRecord, record: LogRecord, reader: RecordReader, source: string): LetterFixture {
  const handle = letterHandle(letter)
  const parsed = parsedValue(record)
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new OperatorError(
      `${handle} ${obstacle(record)}, so its personal data cannot be found: look at it with "dlq show ${handle} --reveal".`,
    )
  const value: unknown = replacePersonal(parsed, exampleOfShape)
  const headers = Object.fromEntries(
    Object.keys(record.headers).flatMap((name) => {
      const [text = ''] = decisive.has(name) ? headerTexts(record, name) : []
      return text === '' ? [] : [[name, text.includes('@') ? String(exampleOfShape(text)) : text]]
    }),
  )
  const fixture = { letter: handle, reason: letter.reason, timestamp: record.timestamp, headers, value }
  const found = readRecord(reader, recordOfFixture(fixture), { isExempt: true })
  if (found.is !== 'faulty')
    throw new OperatorError(
      `${handle} would not fail where its event is decoded and decided, so that no test of these can show it: ${
        elsewhere[letter.reason] ?? 'replay it'
      } ("dlq show ${handle}").`,
    )
  const name = `dead-letter-${handle.replaceAll(/[^\w-]+/g, '-')}`
  return { name, json: `${JSON.stringify(fixture, null, 2)}\n`, test: testOf(name, reader.consumer.name, found.faulty.reason, source) }
}

/** Where an event fails that can be decoded and decided. */
const elsewhere: Partial<Record<DeadLetterReason, string>> = {
  'database-rejected': 'the database refuses it',
  'id-conflict': 'its id is on record for another event, so give it one of its own by "dlq edit"',
}

/** Why a value has no fields to redact. */
function obstacle({ value }: LogRecord): string {
  if (value === null || value.length === 0) return 'has no value'
  if (isFramed(value)) return 'has a value in the format of a schema registry, which is not exported'
  const read = readJson(value)
  if ('value' in read) return 'has no JSON object as its value'
  switch (read.reason) {
    case 'too-deep':
      return `has a value that is nested too deeply to be parsed (more than ${MAX_DEPTH} levels)`
    case 'not-utf8':
      return 'has a value that is not UTF-8 and cannot be parsed'
    case 'not-json':
      return 'has a value that is not JSON and cannot be parsed'
  }
}

/** The record of a fixture's file. */
export function recordOfFixture(fixture: {
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
  readonly value: unknown
}): LogRecord {
  const headers = Object.fromEntries(Object.entries(fixture.headers).map(([name, text]) => [name, Buffer.from(text)]))
  return { offset: 0n, timestamp: fixture.timestamp, key: null, value: Buffer.from(JSON.stringify(fixture.value)), headers }
}

function testOf(name: string, group: string, reason: string, source: string): string {
  const from = (path: string) => `from '${source}/${path}'`
  const lines = [
    `import { readFileSync } from 'node:fs'`,
    `import { expect, test } from 'vitest'`,
    `import { recordOfFixture } ${from('admin/dead-letters/letter-fixture.ts')}`,
    `import { listedConsumers } ${from('consumers/registry.ts')}`,
    `import { readRecord } ${from('ingest/read-chunks.ts')}`,
    `import { createTypeFilter } ${from('ingest/type-filter.ts')}`,
    '',
    `// A dead letter (${reason}), without personal data. It fails until ${group} accepts the event.`,
    `test('${group} accepts the event of ${name}', () => {`,
    `  const fixture = JSON.parse(readFileSync(new URL('${name}.json', import.meta.url), 'utf8'))`,
    `  const consumer = listedConsumers.find((one) => one.name === '${group}')`,
    `  if (consumer === undefined) throw new Error('There is no group ${group}.')`,
    '  const reader = { consumer, filter: createTypeFilter(consumer.types), maxEventBytes: 1_048_576, dedupeHorizon: () => 0 }',
    '  const found = readRecord(reader, recordOfFixture(fixture), { isExempt: true })',
    "  expect(found.is === 'faulty' ? `${found.faulty.reason}: ${found.faulty.detail}` : found.is).toBe('event')",
    '})',
  ]
  return `${lines.join('\n')}\n`
}
