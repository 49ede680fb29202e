import { createRequire } from 'node:module'
import * as fc from 'fast-check'
import Decoder from 'kafkajs/src/protocol/decoder.js'
import { describe, expect, it, vi } from 'vitest'
import { readBatches } from '../../../../../src/infra/kafka/records/packed-batch.ts'
import { slicesOf } from '../../../../../src/infra/kafka/records/partition-batch.ts'
import { FieldReader, RecordView } from '../../../../../src/infra/kafka/records/read-record.ts'
import type { LogRecord } from '../../../../../src/ingest/record-source.ts'
import { encodeRecord, fieldsOf, recordBatch, varint } from '../../../../support/record-batch.ts'

const require = createRequire(import.meta.url)
const encode: (record: object) => { buffer: Buffer } = require('kafkajs/src/protocol/recordBatch/record/v0/index.js')
const decode: (decoder: Decoder, context: object) => object = require('kafkajs/src/protocol/recordBatch/record/v0/decoder.js')

const FIRST = 9_007_199_254_740_993n
const context = { firstOffset: FIRST, firstTimestamp: 1_700_000_000_000, appendTimestamp: null, leaderEpoch: null }

describe('reading a record', () => {
  it.each([null, 1_800_000_000_000])('returns what kafkajs returns, with the broker’s timestamp %d', (appendTimestamp) => {
    const record = {
      offsetDelta: 300,
      timestampDelta: 70_000,
      key: Buffer.from('key'),
      value: Buffer.from('value'),
      headers: { 'event-type': Buffer.from('user.verified'), twice: [Buffer.from('a'), Buffer.from('b'), Buffer.alloc(0)] },
    }
    for (const one of [record, { key: null, value: null }, { ...record, timestampDelta: -5, value: Buffer.alloc(70_000) }]) {
      const bytes = encode(one).buffer
      const reader = new FieldReader(bytes)
      const read = fieldsOf(new RecordView(reader, { ...context, appendTimestamp }))
      const length = new Decoder(bytes)
      readVarint(length)
      const theirs = decode(new Decoder(bytes.subarray(length.offset)), {
        firstOffset: String(FIRST),
        firstTimestamp: String(context.firstTimestamp),
        maxTimestamp: String(appendTimestamp),
        timestampType: appendTimestamp === null ? 0 : 1,
      })
      expect(reader.at).toBe(bytes.length)
      expect({ ...read, offset: String(read.offset), timestamp: String(read.timestamp) }).toEqual(
        expect.objectContaining(
          Object.fromEntries(Object.entries(theirs).filter(([name]) => ['offset', 'timestamp', 'key', 'value', 'headers'].includes(name))),
        ),
      )
    }
  })

  it('keeps headers with special names in JavaScript', () => {
    const headers = Object.fromEntries(['__proto__', 'constructor', 'toString', ''].map((name) => [name, Buffer.from(name)]))
    const record = read(encode({ key: null, value: null, headers }).buffer)
    expect(Object.entries(record.headers)).toEqual(Object.entries(headers))
  })

  it('reads 20,000 headers of different names', () => {
    const headers = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`h${n}`, Buffer.alloc(0)]))
    const record = read(encode({ key: null, value: null, headers }).buffer)
    expect(Object.keys(record.headers)).toHaveLength(20_000)
  })

  it('rejects a record that claims more bytes than there are', () => {
    const { buffer } = encode({ key: Buffer.from('key'), value: Buffer.from('value') })
    expect(() => read(buffer.subarray(0, -1))).toThrow(RangeError)
  })
})

describe('a record that is not as its numbers say', () => {
  it('is refused when it is longer than its batch, even if its fields are not', () => {
    const body = Buffer.concat([Buffer.from([0]), ...[0, 0, -1, -1, 0].map(varint)])
    expect(() => read(Buffer.concat([varint(body.length), body]))).not.toThrow()
    expect(() => read(Buffer.concat([varint(body.length + 1), body]))).toThrow(RangeError)
  })

  const other = encode({ key: Buffer.from('other'), value: Buffer.alloc(100) }).buffer

  it.each([
    ['a key that reaches into the next record', [varint(50)]],
    ['a value that reaches into the next record', [varint(1), Buffer.from('k'), varint(50)]],
    ['2,147,483,647 headers', [varint(-1), varint(-1), varint(2 ** 31 - 1)]],
    ['the name of a header that reaches into the next record', [varint(-1), varint(-1), varint(1), varint(50)]],
    ['a length of more bytes than a number has', [Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0])]],
  ])('is refused: %s', (_, fields) => {
    const body = Buffer.concat([Buffer.from([0]), varint(0), varint(0), ...fields, Buffer.alloc(8)])
    expect(() => read(Buffer.concat([varint(body.length), body, other, other]))).toThrow(RangeError)
  })
})

it.each([-1, -12, 0, 48])('a batch of %d bytes, fewer than its header has, is refused', (length) => {
  const bytes = Buffer.alloc(100)
  bytes.writeInt32BE(length, 8)
  expect(() => readBatches(new Decoder(bytes), bytes.length)).toThrow('shorter than its header')
})

it('returns the texts of one header, as they are among all headers', () => {
  const names = fc.constantFrom('event-type', 'event-typf', 'event-id', 'ce_type', '')
  const values = fc.option(fc.oneof(fc.constant('user.verified'), fc.string({ unit: 'binary', maxLength: 70 })))
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values), { maxLength: 8 }), names, (sent, name) => {
      const headers = sent.map(([name, value]) => [name, value === null ? null : Buffer.from(value)] as const)
      const record = read(encodeRecord({ value: null, headers }))
      const texts = record.headerTexts(name)
      expect(texts).toEqual(sent.flatMap(([other, value]) => (other === name ? [value ?? ''] : [])))
      expect(texts).toEqual([record.headers[name] ?? []].flat().map(String))
    }),
  )
})

it('creates key, value and headers when they are first read, and not before', async () => {
  const sent = Array.from({ length: 100 }, () => ({
    key: Buffer.from('key'),
    value: Buffer.from('value'),
    headers: { a: Buffer.from('b') },
  }))
  const bytes = await recordBatch('none', sent)
  const [batch] = readBatches(new Decoder(bytes), bytes.length)
  if (batch === undefined) throw new Error('no batch was read')
  const created = vi.spyOn(batch.records, 'subarray')
  const fetched = { fetchedOffset: '0', messages: [batch], lastOffset: () => '99' }
  const records: LogRecord[] = []
  for await (const slice of slicesOf(fetched, 1_000)) records.push(...slice.records)
  expect(records.map(({ offset }) => offset)).toEqual(sent.map((_, index) => BigInt(index)))
  expect(created).toHaveBeenCalledTimes(0)
  const [first] = records
  expect([first?.key, first?.value, first?.headers]).toEqual([sent[0]?.key, sent[0]?.value, sent[0]?.headers])
  expect(created).toHaveBeenCalledTimes(3)
})

function read(bytes: Buffer): RecordView {
  return new RecordView(new FieldReader(bytes), context)
}

function readVarint(decoder: Decoder): void {
  while ((decoder.readBytes(1)[0] ?? 0) >= 0x80);
}
