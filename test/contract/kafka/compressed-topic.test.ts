import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { createUnpackBudget } from '../../../src/infra/kafka/records/unpack-budget.ts'
import { recordBatch, type CodecName, type SentRecord } from '../../support/record-batch.ts'
import { sendRaw } from './raw-request.ts'
import { kafkaSettings, createSourceFixture, startsAt } from './source-fixture.ts'

const require = createRequire(import.meta.url)
const Encoder: new () => {
  writeString(text: string | null): InstanceType<typeof Encoder>
  writeInt16(value: number): InstanceType<typeof Encoder>
  writeInt32(value: number): InstanceType<typeof Encoder>
  writeBytes(bytes: Buffer): InstanceType<typeof Encoder>
} = require('kafkajs/src/protocol/encoder.js')

const [broker = ''] = kafkaSettings().brokers
const MAX_EVENT_BYTES = 1_000_000
const MB = 1_000_000

/** One record batch, packed by us: no client packs a gigabyte into one. */
async function sendBatch(topic: string, partition: number, codec: CodecName, records: readonly SentRecord[]): Promise<void> {
  const batch = await recordBatch(codec, records)
  const body = new Encoder().writeString(null).writeInt16(-1).writeInt32(60_000)
  body.writeInt32(1).writeString(topic).writeInt32(1).writeInt32(partition).writeBytes(batch)
  await sendRaw(broker, { apiKey: 0, apiVersion: 7, apiName: 'Produce', encode: () => Promise.resolve(body) })
}

/** Bombs in every codec, each between two small events, and legal events that are small only while they are packed. */
const batches: readonly { codec: CodecName; count: number; bytes: number; fits: boolean }[] = [
  { codec: 'gzip', count: 60, bytes: 5 * MB, fits: false },
  { codec: 'zstd', count: 60, bytes: 10 * MB, fits: false },
  { codec: 'lz4', count: 20, bytes: 5 * MB, fits: false },
  { codec: 'snappy', count: 6, bytes: 3 * MB, fits: false },
  { codec: 'gzip', count: 200, bytes: 0.84 * MB, fits: true },
  { codec: 'zstd', count: 200, bytes: 0.84 * MB, fits: true },
]
/** Unpacked it is 1.4 GB, three times; the process itself is some 90 MB. */
const MOST_MEGABYTES = 350

test(
  'decompression bombs are never held: they arrive without their values, and the records behind them are read',
  { timeout: 180_000 },
  async () => {
    await using s = await createSourceFixture({ partitions: batches.length })
    const small = { value: Buffer.from('{}') }
    for (const [partition, { codec, count, bytes }] of batches.entries()) {
      const large = { value: Buffer.alloc(bytes) }
      await sendBatch(s.topic, partition, codec, [small, ...Array.from({ length: count }, () => large), small])
      await s.produce(partition, ['behind'])
    }
    const sent = batches.reduce((sum, { count }) => sum + count + 3, 0)
    const ranges = await s.admin.ranges(s.topic)
    expect([...ranges.values()].reduce((sum, { high }) => sum + Number(high), 0)).toBe(sent)

    const program = fileURLToPath(new URL('reading-child.ts', import.meta.url))
    const args = ['--max-old-space-size=128', program, broker, s.topic, s.group, String(sent), String(MAX_EVENT_BYTES)]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const report: { groups: unknown[]; megabytes: number } = JSON.parse(stdout)
    const omitted = batches.reduce((sum, { count, fits }) => sum + (fits ? 0 : count), 0)
    const read = { whole: sent - omitted, omitted, joins: 1, troubles: [] }
    expect(report.groups).toEqual([read, read, read])
    console.log(`resident memory at most: ${report.megabytes.toFixed(0)} MB`)
    expect(report.megabytes).toBeLessThan(MOST_MEGABYTES)
  },
)

test('all groups and partitions share one budget, and every group is served', async () => {
  const partitions = 8
  await using s = await createSourceFixture({ partitions })
  const values = Array.from({ length: 6 }, () => ({ value: Buffer.alloc(400_000) }))
  for (let partition = 0; partition < partitions; partition++) await sendBatch(s.topic, partition, 'gzip', values)
  // Half of it is room for one partition of a group, not for two.
  const unpackBudget = createUnpackBudget(8 * MB)
  const open = new Map<string, number>()
  let most = 0
  const members = ['a', 'b', 'c'].map((name) =>
    s.member(
      {
        async batch({ nextOffset }) {
          open.set(name, (open.get(name) ?? 0) + 1)
          most = Math.max(most, ...open.values())
          for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
          open.set(name, (open.get(name) ?? 0) - 1)
          return nextOffset
        },
      },
      { groupId: `${s.group}-${name}`, unpackBudget, maxEventBytes: MAX_EVENT_BYTES },
    ),
  )
  await Promise.all(members.map((member) => member.start()))
  const all = partitions * values.length
  await vi.waitFor(
    () => expect(members.map(({ batches: read }) => read.reduce((sum, { records }) => sum + records.length, 0))).toEqual([all, all, all]),
    {
      timeout: 100_000,
      interval: 50,
    },
  )
  expect(most).toBe(1)
})

test('a pause and a stop leave the rest of a batch unread, and reading resumes there', async () => {
  await using s = await createSourceFixture()
  const values = Array.from({ length: 20 }, (_, index) => ({ value: Buffer.alloc(400_000, `${index}`) }))
  await sendBatch(s.topic, 0, 'zstd', values)
  const first = s.member({
    batch(batch) {
      if (first.batches.length === 1) first.source.pause()
      return Promise.resolve(batch.nextOffset)
    },
  })
  await first.start()
  await vi.waitFor(() => expect(first.batches.length).toBeGreaterThan(0), { timeout: 100_000, interval: 25 })
  const [pausedAt = 0n] = first.batches.map(({ nextOffset }) => nextOffset)
  expect(pausedAt).toBeLessThan(20n)
  first.source.resume()
  await vi.waitFor(() => expect(first.batches.at(-1)?.nextOffset).toBe(20n), { timeout: 100_000, interval: 25 })
  expect(first.batches.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual(values.map((_, index) => BigInt(index)))
  await first.source.stop()

  const second = s.member({ assigned: (assignment) => Promise.resolve(startsAt(assignment, 13n)) })
  await second.start()
  await vi.waitFor(() => expect(second.batches.at(-1)?.nextOffset).toBe(20n), { timeout: 100_000, interval: 25 })
  expect(second.batches[0]?.records[0]?.offset).toBe(13n)
})
