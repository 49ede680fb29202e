import * as fc from 'fast-check'
import createSnappyCodec from 'kafkajs-snappy'
import { describe, expect, it } from 'vitest'
import { PackedRecords } from '../../../../../src/infra/kafka/records/packed-records.ts'
import { unpackLz4 } from '../../../../../src/infra/kafka/records/unpack-lz4.ts'
import { unpackSnappy } from '../../../../../src/infra/kafka/records/unpack-snappy.ts'
import type { Codec } from '../../../../../src/infra/kafka/records/unpack.ts'
import type { LogRecord } from '../../../../../src/ingest/record-source.ts'
import { codecNames, fieldsOf, packBytes, packRecords, varint, type CodecName, type SentRecord } from '../../../../support/record-batch.ts'

const MOST = 100_000

async function readAll(codec: CodecName, packed: Buffer, count: number, limits: { bytes?: number; unpacked?: number } = {}) {
  const batch = { codec: asCodec(codec), records: packed, count, firstOffset: 7n, firstTimestamp: 5, appendTimestamp: null, leaderEpoch: 3 }
  const reading = new PackedRecords(batch, limits.bytes ?? MOST, limits.unpacked)
  const records: LogRecord[] = []
  while (reading.left !== 0) records.push(fieldsOf(reading.ready() ?? (await reading.next())))
  await reading.close()
  return records
}

function asCodec(name: CodecName): Codec {
  const codec = codecNames.indexOf(name)
  if (codec === 0 || codec === 1 || codec === 2 || codec === 3 || codec === 4) return codec
  throw new Error(`${name} is no codec`)
}

const compressed = codecNames.filter((name) => name !== 'none')
const headers = { 'event-type': Buffer.from('user.verified') }

describe.each(codecNames)('a batch in %s', (codec) => {
  it('is read record by record, wherever its chunks end', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat(255), fc.nat(90_000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ key: fc.option(bytes), value: fc.option(bytes) }), { minLength: 1, maxLength: 12 }),
        async (all) => {
          const sent = all.map(({ key, value }) => ({ key: key && Buffer.from(key), value: value && Buffer.from(value), headers }))
          const read = await readAll(codec, await packRecords(codec, sent), sent.length, { bytes: 400_000 })
          expect(read).toEqual(sent.map((record, index) => ({ ...record, offset: 7n + BigInt(index), timestamp: 5, leaderEpoch: 3 })))
        },
      ),
      { numRuns: 30 },
    )
  })

  it('fails when it is truncated', async () => {
    const packed = await packRecords(codec, [{ value: Buffer.alloc(2_000, 'abc') }, { value: Buffer.alloc(150_000, 'abc') }])
    await expect(readAll(codec, packed.subarray(0, -20), 2)).rejects.toThrow(/ends|unexpected end|frame|larger|exceeds|differs/i)
  })
})

describe.each(compressed)('a record over the limit, packed by %s,', (codec) => {
  const large: SentRecord = { key: Buffer.from('key'), value: Buffer.alloc(MOST * 7), headers }
  const small: SentRecord = { key: Buffer.from('small'), value: Buffer.from('{}') }

  it('is returned without its value and with its size, and the records around it are complete', async () => {
    const records = await readAll(codec, await packRecords(codec, [small, large, small, large]), 4)
    expect(records.map(({ offset, value, omittedBytes }) => [offset, value?.toString(), (omittedBytes ?? 0) > MOST * 7])).toEqual([
      [7n, '{}', false],
      [8n, undefined, true],
      [9n, '{}', false],
      [10n, undefined, true],
    ])
    expect(records[1]).toMatchObject({ key: large.key, headers, timestamp: 5 })
  })

  it('is returned without a key and headers that are too large', async () => {
    const wide = { key: Buffer.alloc(MOST), value: null, headers: { wide: Buffer.alloc(MOST) } }
    const records = await readAll(codec, await packRecords(codec, [wide, small]), 2)
    expect(records[0]).toMatchObject({ offset: 7n, key: null, value: null, headers: {} })
    expect(records[1]).toMatchObject({ offset: 8n, value: small.value })
  })

  it('is refused when its key or its value is longer than itself', async () => {
    const [size, longer] = [varint(MOST * 2), varint(2 ** 31 - 1)]
    for (const lengths of [[longer], [varint(-1), longer]]) {
      const bytes = Buffer.concat([size, Buffer.from([0]), varint(0), varint(0), ...lengths, Buffer.alloc(MOST * 2)])
      await expect(readAll(codec, await packBytes(codec, bytes), 1)).rejects.toThrow('exceeds its record')
    }
  })

  it('stops unpacking at the limit of a batch: the remaining records are reported as too large, each at its offset', async () => {
    const sent = [small, { value: Buffer.alloc(MOST * 20) }, small, small]
    const records = await readAll(codec, await packRecords(codec, sent), 4, { unpacked: MOST * 10 })
    expect(records.map(({ offset, value, omittedBytes }) => [offset, value?.toString(), omittedBytes])).toEqual([
      [7n, '{}', undefined],
      [8n, undefined, MOST * 10],
      [9n, undefined, MOST * 10],
      [10n, undefined, MOST * 10],
    ])
  })
})

it.each(compressed)('%s that unpacks to a number without an end fails at its start, and is not unpacked any further', async (codec) => {
  const packed = await packBytes(codec, Buffer.alloc(MOST * 20, 0xff))
  await expect(readAll(codec, packed, 1, { unpacked: MOST * 10 })).rejects.toThrow('too many bytes')
})

it('uncompressed records are in memory already, and are returned complete', async () => {
  const value = Buffer.alloc(MOST * 3)
  expect(await readAll('none', await packRecords('none', [{ value }]), 1)).toMatchObject([{ value }])
})

it('lz4 with linked blocks is read', () => {
  const stored = Buffer.from(Array.from({ length: 2_000 }, (_, index) => (index * 7919) >> 3))
  // One literal, a match of 4 + 15 + 255 + 20 bytes a thousand bytes back, then five literals, as the format ends a block.
  const block = Buffer.from([0x1f, 0x61, 0xe8, 0x03, 0xff, 0x14, 0x50, 0x62, 0x63, 0x64, 0x65, 0x66])
  const frame = [
    Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0x00]),
    sized(2 ** 31 + stored.length),
    stored,
    sized(block.length),
    block,
  ]
  const read: Buffer[] = []
  for (const piece of unpackLz4(Buffer.concat([...frame, sized(0)]))) read.push(piece)
  const copied = stored.subarray(1_001, 1_001 + 294)
  expect(Buffer.concat(read)).toEqual(Buffer.concat([stored, Buffer.from('a'), copied, Buffer.from('bcdef')]))
})

it('snappy is read as snappy-java frames it', async () => {
  const parts = [Buffer.alloc(40_000, 'ab'), Buffer.from('end')]
  const blocks = await Promise.all(parts.map((buffer) => createSnappyCodec().compress({ buffer })))
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
  const framed = Buffer.concat([header, ...blocks.flatMap((block) => [sized(block.length).swap32(), block])])
  expect(Buffer.concat([...unpackSnappy(framed)])).toEqual(Buffer.concat(parts))
})

function sized(size: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(size)
  return bytes
}
