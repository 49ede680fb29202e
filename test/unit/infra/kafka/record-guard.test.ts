import { createRequire } from 'node:module'
import Decoder from 'kafkajs/src/protocol/decoder.js'
import { describe, expect, it } from 'vitest'
import '../../../../src/infra/kafka/record-set-guard.ts'
import { unguardedDecodeRecord } from '../../../../src/infra/kafka/record-guard.ts'

const require = createRequire(import.meta.url)
const encode: (record: object) => { buffer: Buffer } = require('kafkajs/src/protocol/recordBatch/record/v0/index.js')
const guarded: typeof unguardedDecodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0/decoder.js')

const context = {
  firstOffset: '9007199254740993',
  firstTimestamp: '1700000000000',
  maxTimestamp: '1800000000000',
  timestampType: 0,
  magicByte: 2,
  isControlBatch: false,
}

/** What a record batch holds of one record, behind its length. */
function decoderOf(record: object): Decoder {
  const length = new Decoder(encode(record).buffer)
  return new Decoder(length.readVarIntBytes() ?? Buffer.alloc(0))
}

describe('reading a record', () => {
  it('is done by kafkajs’s function as the guard was written for it', () => {
    expect(unguardedDecodeRecord.toString().replaceAll(/\s+/g, ' ')).toMatchInlineSnapshot(
      `"(decoder, batchContext = {}) => { const { firstOffset, firstTimestamp, magicByte, isControlBatch = false, timestampType, maxTimestamp, } = batchContext const attributes = decoder.readInt8() const timestampDelta = decoder.readVarLong() const timestamp = timestampType === TimestampTypes.LOG_APPEND_TIME && maxTimestamp ? maxTimestamp : Long.fromValue(firstTimestamp) .add(timestampDelta) .toString() const offsetDelta = decoder.readVarInt() const offset = Long.fromValue(firstOffset) .add(offsetDelta) .toString() const key = decoder.readVarIntBytes() const value = decoder.readVarIntBytes() const headers = decoder.readVarIntArray(HeaderDecoder).reduce( (obj, { key, value }) => ({ ...obj, [key]: obj[key] === undefined ? value : Array.isArray(obj[key]) ? obj[key].concat([value]) : [obj[key], value], }), {} ) return { magicByte, attributes, // Record level attributes are presently unused timestamp, offset, key, value, headers, isControlRecord: isControlBatch, batchContext, } }"`,
    )
  })

  it.each([0, 1])('gives what kafkajs gives, with timestamps of type %d', (timestampType) => {
    const record = {
      offsetDelta: 300,
      timestampDelta: 70_000,
      key: Buffer.from('key'),
      value: Buffer.from('value'),
      headers: { 'event-type': Buffer.from('user.verified'), twice: [Buffer.from('a'), Buffer.from('b'), Buffer.alloc(0)] },
    }
    for (const one of [record, { key: null, value: null }]) {
      const read = guarded(decoderOf(one), { ...context, timestampType })
      expect(read).toEqual(unguardedDecodeRecord(decoderOf(one), { ...context, timestampType }))
    }
  })

  it('gives headers whose names mean something in JavaScript as they are', () => {
    const headers = Object.fromEntries(['__proto__', 'constructor', 'toString', ''].map((name) => [name, Buffer.from(name)]))
    const read = guarded(decoderOf({ key: null, value: null, headers }), context)
    expect(Object.entries(Object(read).headers)).toEqual(Object.entries(headers))
  })

  it('reads 20,000 headers of different names', () => {
    const headers = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`h${n}`, Buffer.alloc(0)]))
    const read = guarded(decoderOf({ key: null, value: null, headers }), context)
    expect(Object.keys(Object(read).headers)).toHaveLength(20_000)
  })
})
