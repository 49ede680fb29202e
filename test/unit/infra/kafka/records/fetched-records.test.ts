import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fetchResponse, readByKafkajs, readPatched } from '../../../../support/fetch-decoding.ts'
import { codecNames, recordBatch, type BatchHeader, type CodecName, type SentRecord } from '../../../../support/record-batch.ts'

/** One batch of a log, and what may be missing from it. */
interface Step {
  readonly codec: CodecName
  /** `aborted` and `committed` are followed by the marker of their transaction. */
  readonly fate: 'plain' | 'committed' | 'aborted'
  readonly records: readonly { readonly record: SentRecord; readonly gap: number }[]
  /** Offsets after the last record whose records compaction has removed. */
  readonly gapAfter: number
  readonly header: Pick<BatchHeader, 'appendTimestamp' | 'firstTimestamp' | 'leaderEpoch'>
}

interface Log {
  readonly batches: readonly {
    readonly bytes: Buffer
    readonly firstOffset: bigint
    readonly nextOffset: bigint
    readonly leaderEpoch: number
  }[]
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint; readonly marker: bigint }[]
}

const byteString = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(0, 63, 64, 8_191, 8_192, 70_000).map((length) => new Uint8Array(length).fill(7)),
)
const bytes = byteString.map((array) => Object.assign(Buffer.from(array), { [fc.toStringMethod]: () => `${array.length} bytes` }))
const headerName = fc
  .oneof(
    fc.constantFrom('event-type', 'event-id', '', 'a', 'é', '\u{1f600}', '0').map((name) => Buffer.from(name)),
    fc.string({ unit: 'binary', maxLength: 80 }).map((name) => Buffer.from(name)),
    // Not always UTF-8.
    fc.uint8Array({ maxLength: 3 }).map((array) => Buffer.from(array)),
  )
  // kafkajs finds names that every object inherits in a record that lacks them; read-record.test.ts has those.
  .filter((name) => !(name.toString() in {}))
const record = fc.record({
  // kafkajs takes any record with these bytes as its key for an abort marker.
  key: fc.option(bytes.filter((key) => !key.equals(Buffer.alloc(4)))),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(headerName, fc.option(bytes)), { maxLength: 6 }),
  timestampDelta: fc.oneof(fc.integer({ min: -5, max: 300 }), fc.integer({ min: -(2 ** 40), max: 2 ** 52 })),
})
/** Compaction leaves batches of which it removed all records, and gaps as wide as the offsets of a batch can be. */
const step = fc.record({
  codec: fc.constantFrom(...codecNames),
  fate: fc.constantFrom('plain' as const, 'plain' as const, 'committed' as const, 'aborted' as const),
  records: fc.array(fc.record({ record, gap: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(200), fc.nat(2 ** 28)) }), { maxLength: 6 }),
  gapAfter: fc.oneof(fc.constant(0), fc.nat(3)),
  header: fc.record({
    appendTimestamp: fc.option(fc.nat(2 ** 41), { freq: 3 }),
    firstTimestamp: fc.nat(2 ** 41),
    leaderEpoch: fc.nat(1_000),
  }),
})

/** Writes a log in which no two transactions overlap: kafkajs filters others wrongly; aborted-records.test.ts has those. */
async function written(steps: readonly Step[], from: bigint): Promise<Log> {
  const batches: Log['batches'][number][] = []
  const aborted: Log['aborted'][number][] = []
  let firstOffset = from
  const append = async (codec: CodecName, records: readonly SentRecord[], lastOffsetDelta: number, header: BatchHeader) => {
    const nextOffset = firstOffset + BigInt(lastOffsetDelta) + 1n
    const bytes = await recordBatch(codec, records, { ...header, firstOffset, lastOffsetDelta })
    batches.push({ bytes, firstOffset, nextOffset, leaderEpoch: header.leaderEpoch ?? 0 })
    firstOffset = nextOffset
  }
  for (const [index, { codec, fate, records, gapAfter, header }] of steps.entries()) {
    let offsetDelta = -1
    const sent = records.map(({ record, gap }) => ({ ...record, offsetDelta: (offsetDelta += gap + 1) }))
    const producerId = BigInt(index)
    const isTransactional = fate !== 'plain'
    const start = firstOffset
    await append(codec, sent, Math.max(0, offsetDelta + gapAfter), { ...header, isTransactional, producerId })
    if (!isTransactional) continue
    const isAborted = fate === 'aborted'
    if (isAborted) aborted.push({ producerId, firstOffset: start, marker: firstOffset })
    const marker = { key: Buffer.from([0, 0, 0, isAborted ? 0 : 1]), value: Buffer.alloc(6) }
    await append('none', [marker], 0, { ...header, isTransactional, producerId, isControl: true })
  }
  return { batches, aborted }
}

describe('a fetch response', () => {
  const fetches = fc.record({
    steps: fc.array(step, { minLength: 1, maxLength: 7 }),
    from: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 60n })),
    /** Where the fetch begins, as a share of the batches, and within the first of them. */
    begin: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    within: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    /** Bytes of the last batch that the fetch limit cuts off. */
    cut: fc.option(fc.integer({ min: 1, max: 2_000 })),
  })

  it(
    'yields the records that kafkajs yields: codecs, gaps, markers, aborted transactions, a truncated last batch',
    { timeout: 240_000 },
    async () => {
      const seen = { truncated: 0, aborted: 0, empty: 0, records: 0 }
      await fc.assert(
        fc.asyncProperty(fetches, async ({ steps, from, begin, within, cut }) => {
          const log = await written(steps, from)
          const fetched = log.batches.slice(Math.floor(begin * log.batches.length))
          const [first] = fetched
          if (first === undefined) throw new Error('no batch was fetched')
          const fetchedOffset = first.firstOffset + BigInt(Math.floor(within * Number(first.nextOffset - first.firstOffset)))
          const all = Buffer.concat(fetched.map(({ bytes }) => bytes))
          const lastBytes = fetched.at(-1)?.bytes.length ?? 0
          const isCut = cut !== null && fetched.length > 1
          const set = isCut ? all.subarray(0, all.length - 1 - (cut % lastBytes)) : all
          const complete = isCut ? fetched.slice(0, -1) : fetched
          const reached = complete.at(-1)?.nextOffset ?? fetchedOffset
          const aborted = log.aborted.filter((of) => of.firstOffset < reached && of.marker >= first.firstOffset)
          const response = fetchResponse(set, aborted)

          const ours = await readPatched({ response, fetchedOffset })
          const theirs = await readByKafkajs({ response, fetchedOffset })
          expect(ours.records).toEqual(theirs.records)
          // The batch says where it ends; kafkajs looks at the last record that compaction has left.
          expect(ours.nextOffset).toBe(reached)
          const epochs = ours.records.map(({ offset }) => complete.find(({ nextOffset }) => offset < nextOffset)?.leaderEpoch)
          expect(ours.leaderEpochs).toEqual(epochs)
          seen.truncated += Number(isCut)
          seen.aborted += Number(aborted.length > 0)
          seen.empty += Number(ours.records.length === 0)
          seen.records += ours.records.length
        }),
        { numRuns: 150 },
      )
      // The generator reaches what the title names.
      expect(Object.values(seen).every((times) => times > 5)).toBe(true)
    },
  )

  it('whose bytes are damaged ends in an error, or in records that lie within the response', { timeout: 240_000 }, async () => {
    const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { minLength: 1, maxLength: 4 })
    const ends = { read: 0, failed: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 3 }), damage, async (steps, damaged) => {
        const { batches } = await written(steps, 0n)
        // Bytes of others lie around it in memory.
        const around = Buffer.alloc(100_000, 0xee)
        const set = Buffer.concat(batches.map(({ bytes }) => bytes))
        for (const { at, byte } of damaged) set[at % set.length] = byte
        const memory = Buffer.concat([around, fetchResponse(set, []), around])
        const response = memory.subarray(around.length, memory.length - around.length)
        const { records, error } = await readPatched({ response, fetchedOffset: 0n }).then(
          ({ records }) => ({ records, error: null }),
          (error: unknown) => ({ records: [], error }),
        )
        expect(isDamage(error) ? null : error).toBeNull()
        const fields = records.flatMap(({ key, value, headers }) => [key, value, ...Object.values(headers).flat()])
        // Decompressed records are in memory of their own.
        expect(fields.filter((field) => field?.buffer === memory.buffer && !isWithin(field, response))).toEqual([])
        if (error === null) ends.read += 1
        else ends.failed += 1
      }),
      { numRuns: 400 },
    )
    expect(Math.min(ends.read, ends.failed)).toBeGreaterThan(20)
  })
})

function isWithin(part: Buffer, whole: Buffer): boolean {
  return part.byteOffset >= whole.byteOffset && part.byteOffset + part.length <= whole.byteOffset + whole.length
}

/** Bytes that no record or codec can have; everything else is a bug. */
function isDamage(error: unknown): boolean {
  if (error instanceof RangeError) return true
  if (!(error instanceof Error)) return false
  return /^codec \d of a record batch is unknown$/.test(error.message) || ('code' in error && /^(Z_|ZSTD_)/.test(String(error.code)))
}
