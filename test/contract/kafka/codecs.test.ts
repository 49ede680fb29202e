import kafkajs from 'kafkajs'
import { expect, test, vi } from 'vitest'
import { createSourceFixture, valuesOf } from './source-fixture.ts'

const { CompressionTypes } = kafkajs

test.each([
  ['none', CompressionTypes.None],
  ['gzip', CompressionTypes.GZIP],
  ['snappy', CompressionTypes.Snappy],
  ['lz4', CompressionTypes.LZ4],
  ['zstd', CompressionTypes.ZSTD],
])('a batch in %s is read as it was sent', async (_name, compression) => {
  await using s = await createSourceFixture()
  // More than one 64 KiB block, and parts that do not compress.
  const values = Array.from({ length: 200 }, (_, index) => `${index}:${String(Math.sin(index)).repeat(index)}`)
  await s.produce(0, values, { compression })
  const member = s.member()
  await member.start()
  await vi.waitFor(() => expect(member.batches.flatMap(valuesOf)).toHaveLength(values.length), { timeout: 20_000, interval: 25 })
  expect(member.batches.flatMap(valuesOf)).toEqual(values)
})
