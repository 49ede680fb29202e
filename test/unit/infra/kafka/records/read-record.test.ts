import { createRequire } from 'node:module'
import Decoder from 'kafkajs/src/protocol/decoder.js'
import { describe, expect, it } from 'vitest'
import { FieldReader, RecordView } from '../../../../../src/infra/kafka/records/read-record.ts'
import { fieldsOf } from '../../../../support/record-batch.ts'

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

function read(bytes: Buffer): RecordView {
  return new RecordView(new FieldReader(bytes), context)
}

function readVarint(decoder: Decoder): void {
  while ((decoder.readBytes(1)[0] ?? 0) >= 0x80);
}
