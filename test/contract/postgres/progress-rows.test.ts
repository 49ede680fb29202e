import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { chunk, closeAcceptStore, group, openAcceptStore, startGroup, store } from './accept-fixture.ts'

beforeAll(openAcceptStore)
afterAll(closeAcceptStore)
beforeEach(startGroup)

test('progress rows are created once, read back, and advanced many at once by compare-and-set', async () => {
  const rows = [0, 1, 2, 3].map((partition) => ({ partition, next: BigInt(partition) * 10n, exemptBelow: 2n ** 40n }))
  await store.createProgress(group, 'many', rows)
  await store.createProgress(group, 'many', [
    { partition: 0, next: 99n, exemptBelow: 0n },
    { partition: 4, next: 2n ** 53n + 1n, exemptBelow: 0n },
  ])
  expect(await store.readProgress(group, 'many')).toEqual([...rows, { partition: 4, next: 2n ** 53n + 1n, exemptBelow: 0n }])

  const moves = [
    { partition: 3, expected: 30n, next: 35n },
    { partition: 1, expected: 11n, next: 12n },
    { partition: 0, expected: 0n, next: 1n },
    { partition: 8, expected: 0n, next: 1n },
  ]
  expect([...(await store.advance(group, 'many', moves))].sort((a, b) => a - b)).toEqual([0, 3])
  expect((await store.readProgress(group, 'many')).map(({ next }) => next)).toEqual([1n, 10n, 20n, 35n, 2n ** 53n + 1n])
  expect(await store.advance(group, 'many', [])).toEqual([])
})

test('two processes that advance the same partitions in opposite orders do not deadlock', async () => {
  const partitions = Array.from({ length: 40 }, (_, partition) => partition)
  await store.createProgress(
    group,
    'wide',
    partitions.map((partition) => ({ partition, next: 0n, exemptBelow: 0n })),
  )
  for (let round = 0n; round < 20n; round++) {
    const moves = partitions.map((partition) => ({ partition, expected: round, next: round + 1n }))
    const ends = await Promise.all([moves, moves.toReversed(), moves].map((some) => store.advance(group, 'wide', some)))
    expect(ends.flat()).toHaveLength(40)
  }
})

const row = async () => (await store.readProgress(group, 'topic'))[0]

test('a row records its topic once, and the last record that was read if its leader epoch is known', async () => {
  expect(await row()).toEqual({ partition: 0, next: 0n, exemptBelow: 0n })
  await store.learnTopic(group, 'topic', 'the-id')
  await store.learnTopic(group, 'topic', 'another-id')
  const last = { offset: 2n, leaderEpoch: 7 }
  await store.accept(chunk({ expected: 0n, next: 5n, last }))
  expect(await row()).toEqual({ partition: 0, next: 5n, exemptBelow: 0n, topicId: 'the-id', last })
  // A chunk without an epoch (a hole, an older version) keeps the known epoch.
  await store.accept(chunk({ expected: 5n, next: 6n }))
  await store.advance(group, 'topic', [{ partition: 0, expected: 6n, next: 7n }])
  expect(await row()).toMatchObject({ next: 7n, last })
  await store.advance(group, 'topic', [{ partition: 0, expected: 7n, next: 9n, last: { offset: 8n, leaderEpoch: 8 } }])
  expect(await row()).toMatchObject({ next: 9n, last: { offset: 8n, leaderEpoch: 8 } })
})
