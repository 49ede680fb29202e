import { expect, test, vi } from 'vitest'
import type { Assignment } from '../../../src/ingest/record-source.ts'
import { createSourceFixture, startsAt, valuesOf } from './source-fixture.ts'

const soon = { timeout: 100_000, interval: 25 }

test('every partition starts at the offset that the handlers return, and one without an offset is not read', async () => {
  await using s = await createSourceFixture({ partitions: 3 })
  for (const partition of [0, 1, 2]) await s.produce(partition, ['a', 'b', 'c', 'd'])
  const member = s.member({
    assigned: () =>
      Promise.resolve(
        new Map([
          [0, 0n],
          [1, 3n],
        ]),
      ),
  })
  await member.start()
  expect(member.assignments[0]?.partitions.toSorted()).toEqual([0, 1, 2])
  await vi.waitFor(() => expect(member.values().toSorted()).toEqual(['0:a', '0:b', '0:c', '0:d', '1:d']), soon)
  await s.produce(2, ['e'])
  await s.produce(0, ['e'])
  await vi.waitFor(() => expect(member.values()).toContain('0:e'), soon)
  expect(member.values().filter((value) => value.startsWith('2:'))).toEqual([])
  expect(member.assignments).toHaveLength(1)
})

test('batches of a partition arrive in order, one at a time, each where the last one ended', async () => {
  await using s = await createSourceFixture()
  let running = 0
  let most = 0
  const member = s.member({
    batch: async (batch) => {
      most = Math.max(most, (running += 1))
      await new Promise(setImmediate)
      running -= 1
      return batch.nextOffset
    },
  })
  await member.start()
  const values = Array.from({ length: 60 }, (_, index) => `v${index}`)
  for (let from = 0; from < 60; from += 6) await s.produce(0, values.slice(from, from + 6))
  await vi.waitFor(() => expect(member.values()).toHaveLength(60), soon)
  expect(member.values()).toEqual(values.map((value) => `0:${value}`))
  expect(most).toBe(1)
  for (const [index, batch] of member.batches.entries()) {
    expect(batch.records[0]?.offset).toBe(index === 0 ? 0n : member.batches[index - 1]?.nextOffset)
    // The broker looks at the high watermark before it reads, so records that come in between may lie above it.
    expect(batch.highWatermark).toBeLessThanOrEqual(60n)
  }
})

test('no partition waits for the batch of another', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  for (const partition of [0, 1]) await s.produce(partition, ['a'])
  const begun = new Set<number>()
  const both = Promise.withResolvers<void>()
  const member = s.member({
    batch: async (batch) => {
      if (begun.add(batch.partition).size === 2) both.resolve()
      await both.promise
      return batch.nextOffset
    },
  })
  await member.start()
  // One answer of the broker holds both batches.
  await both.promise
  expect(member.batches).toHaveLength(2)
})

const behindThree = (assignment: Assignment) => Promise.resolve(startsAt(assignment, 3n))

test('a member can commit before it has read anything, and after every join', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  for (const partition of [0, 1]) await s.produce(partition, ['a', 'b', 'c'])
  const first = s.member({ assigned: behindThree })
  await first.start()
  const [alone] = first.assignments
  expect(alone && (await first.source.commit(alone, new Map([[0, 2n]])))).toBe(true)
  await s.member({ assigned: behindThree }).start()
  await vi.waitFor(() => expect(first.assignments).toHaveLength(2), soon)
  const [, shared] = first.assignments
  const [partition = -1] = shared?.partitions ?? []
  expect(shared && (await first.source.commit(shared, new Map([[partition, 3n]])))).toBe(true)
  expect(alone && (await first.source.commit(alone, new Map([[0, 1n]])))).toBe(false)
  expect((await s.admin.committed(s.group, s.topic)).get(partition)).toBe(3n)
  expect(first.batches).toEqual([])
})

test('a record keeps its key, headers and timestamp', async () => {
  await using s = await createSourceFixture()
  await s.produce(0, ['a'])
  const member = s.member()
  await member.start()
  await vi.waitFor(() => expect(member.batches).toHaveLength(1), soon)
  const record = member.batches[0]?.records[0]
  expect(record).toMatchObject({ offset: 0n, key: Buffer.from('a'), value: Buffer.from('a'), headers: {} })
  expect(Math.abs((record?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000)
})

test('an offset other than the next one is a seek', async () => {
  await using s = await createSourceFixture()
  await s.produce(0, ['a', 'b', 'c'])
  const answers = [1n, 3n, 0n]
  const member = s.member({ batch: (batch) => Promise.resolve(answers.shift() ?? batch.nextOffset) })
  await member.start()
  await vi.waitFor(() => expect(member.batches).toHaveLength(2), soon)
  await s.produce(0, ['d'])
  await vi.waitFor(() => expect(member.batches).toHaveLength(4), soon)
  expect(member.batches.map(valuesOf)).toEqual([['a', 'b', 'c'], ['b', 'c'], ['d'], ['a', 'b', 'c', 'd']])
})

test('a pause lasts until resume, across a rejoin too', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  const member = s.member()
  await member.start()
  member.source.pause()
  const other = s.member()
  await other.start()
  await vi.waitFor(() => expect(member.assignments.at(-1)?.partitions).toHaveLength(1), soon)
  await s.produce(0, ['a'])
  await s.produce(1, ['b'])
  await vi.waitFor(() => expect(other.values()).toHaveLength(1), soon)
  await other.source.stop()
  await vi.waitFor(() => expect(member.assignments.at(-1)?.partitions).toHaveLength(2), soon)
  await s.produce(0, ['c'])
  expect(member.values()).toEqual([])
  member.source.resume()
  await vi.waitFor(() => expect(member.values().toSorted()).toEqual(['0:a', '0:c', '1:b']), soon)
})

test('a partition that is held is not read, across a rejoin and a pause of all too, while the others are', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  const member = s.member()
  member.source.hold(new Set([0]))
  await member.start()
  await s.produce(0, ['a'])
  await s.produce(1, ['b'])
  await vi.waitFor(() => expect(member.values()).toEqual(['1:b']), soon)
  member.source.pause()
  member.source.resume()
  member.source.restartAssignment()
  await vi.waitFor(() => expect(member.assignments).toHaveLength(2), soon)
  await s.produce(1, ['c'])
  await vi.waitFor(() => expect(member.values().filter((value) => value === '1:c')).toHaveLength(1), soon)
  expect(member.values().filter((value) => value.startsWith('0'))).toEqual([])
  member.source.hold(new Set([1]))
  await vi.waitFor(() => expect(member.values()).toContain('0:a'), soon)
  await s.produce(1, ['d'])
  await s.produce(0, ['e'])
  await vi.waitFor(() => expect(member.values()).toContain('0:e'), soon)
  expect(member.values()).not.toContain('1:d')
  member.source.hold(new Set())
  await vi.waitFor(() => expect(member.values()).toContain('1:d'), soon)
})

test('two members share the partitions, and no commit of the old epoch is sent after the rejoin', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  const first = s.member()
  await first.start()
  await s.produce(0, ['a'])
  await s.produce(1, ['a'])
  await vi.waitFor(() => expect(first.values()).toHaveLength(2), soon)
  const old = newest(first.assignments)
  expect(
    await first.source.commit(
      old,
      new Map([
        [0, 1n],
        [1, 1n],
      ]),
    ),
  ).toBe(true)
  const second = s.member({ assigned: (assignment) => Promise.resolve(startsAt(assignment, 1n)) })
  await second.start()
  await vi.waitFor(() => expect(newest(first.assignments).epoch).toBeGreaterThan(old.epoch), soon)
  const owned = [first, second].map(({ assignments }) => newest(assignments).partitions)
  expect(owned.map(({ length }) => length)).toEqual([1, 1])
  expect(owned.flat().toSorted((a, b) => a - b)).toEqual([0, 1])
  expect(old.signal.aborted).toBe(true)
  expect(
    await first.source.commit(
      old,
      new Map([
        [0, 0n],
        [1, 0n],
      ]),
    ),
  ).toBe(false)
  expect(await s.admin.committed(s.group, s.topic)).toEqual(
    new Map([
      [0, 1n],
      [1, 1n],
    ]),
  )
  expect(first.reported('assignment-ended').map(({ epoch }) => epoch)).toContain(old.epoch)
})

test('a rebalance aborts the signal of a batch in flight, and the group waits until it has ended', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  const aborted = Promise.withResolvers<void>()
  const member = s.member({
    batch: async (batch) => {
      batch.assignment.signal.addEventListener('abort', () => aborted.resolve())
      await aborted.promise
      return batch.nextOffset
    },
  })
  await member.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.batches).toHaveLength(1), soon)
  const other = s.member({ assigned: (assignment) => Promise.resolve(startsAt(assignment, 1n)) })
  await other.start()
  await aborted.promise
  expect(member.batches[0]?.assignment.signal.aborted).toBe(true)
  expect(member.reported('assignment-ended')[0]?.reason).toBe('the broker ended the membership')
})

test('a member whose batch takes longer than the session timeout stays in the group', async () => {
  await using s = await createSourceFixture()
  const held = Promise.withResolvers<void>()
  const member = s.member({
    batch: async (batch) => {
      setTimeout(held.resolve, 8_000)
      await held.promise
      return batch.nextOffset
    },
  })
  await member.start()
  await s.produce(0, ['a'])
  await held.promise
  await s.produce(0, ['b'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a', '0:b']), soon)
  expect(member.assignments).toHaveLength(1)
  expect(await member.source.commit(newest(member.assignments), new Map([[0, 2n]]))).toBe(true)
})

test('an exception from a handler is reported, and the same batch is delivered again', async () => {
  await using s = await createSourceFixture()
  let calls = 0
  const member = s.member({
    batch: async (batch) => {
      calls += 1
      if (calls < 3) throw new TypeError('a bug')
      return Promise.resolve(batch.nextOffset)
    },
  })
  await member.start()
  await s.produce(0, ['a', 'b'])
  await vi.waitFor(() => expect(calls).toBe(3), soon)
  expect(member.batches.map(valuesOf)).toEqual([
    ['a', 'b'],
    ['a', 'b'],
    ['a', 'b'],
  ])
  expect(member.reported('handler-escaped')).toMatchObject([{ partition: 0 }, { partition: 0 }])
  expect(member.reported('crashed')).toEqual([])
})

test('a result of assigned() is discarded when the group has rejoined meanwhile', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  const held = Promise.withResolvers<Map<number, bigint>>()
  let calls = 0
  const member = s.member({
    assigned: (assignment) => ((calls += 1) === 1 ? held.promise : Promise.resolve(startsAt(assignment, 1n))),
  })
  const started = member.start()
  await vi.waitFor(() => expect(calls).toBe(1), soon)
  for (const partition of [0, 1]) await s.produce(partition, ['a', 'b'])
  const other = s.member({ assigned: (assignment) => Promise.resolve(startsAt(assignment, 1n)) })
  await other.start()
  await started
  held.resolve(
    new Map([
      [0, 0n],
      [1, 0n],
    ]),
  )
  for (const partition of [0, 1]) await s.produce(partition, ['c'])
  const both = () => [...member.values(), ...other.values()].toSorted()
  await vi.waitFor(() => expect(both()).toEqual(['0:b', '0:c', '1:b', '1:c']), soon)
  expect(member.assignments).toHaveLength(2)
})

test('an error of assigned() ends the source with that error', async () => {
  await using s = await createSourceFixture()
  const error = new Error('no row, and no start position')
  const member = s.member({ assigned: () => Promise.reject(error) })
  await expect(member.start()).rejects.toBe(error)
  await expect(member.source.ended).rejects.toBe(error)
  expect(await s.members()).toBe(0)
})

test('a partition whose offset is no longer in the log starts where the handlers say, not where kafkajs went', async () => {
  await using s = await createSourceFixture()
  await s.produce(0, ['a', 'b'])
  const error = new Error('offsets 2 to 50 of partition 0 are lost')
  const member = s.member({
    assigned: (assignment) => (assignment.epoch === 1 ? Promise.resolve(startsAt(assignment, 50n)) : Promise.reject(error)),
  })
  await member.start()
  await expect(member.source.ended).rejects.toBe(error)
  expect(member.batches).toEqual([])
})

test('partitions added later arrive with a rejoin', async () => {
  await using s = await createSourceFixture()
  const member = s.member()
  await member.start()
  await s.admin.growTopic(s.topic, 2)
  const second = s.member()
  await second.start()
  await s.produce(1, ['a'])
  await vi.waitFor(() => expect([...member.values(), ...second.values()]).toEqual(['1:a']), soon)
})

function newest(assignments: readonly Assignment[]): Assignment {
  const assignment = assignments.at(-1)
  if (!assignment) throw new Error('no assignment yet')
  return assignment
}

test('the source reports activity while it is idle, paused or busy, and none before the start and after a stop', async () => {
  await using s = await createSourceFixture()
  const dot = Promise.withResolvers<void>()
  const member = s.member({
    batch: async (batch) => {
      await dot.promise
      return batch.nextOffset
    },
  })
  const { source } = member
  const signs = () => source.activity() ?? { fetches: 0, heartbeats: 0 }
  const goesOn = async () => {
    const before = signs()
    await vi.waitFor(() => expect(signs().fetches).toBeGreaterThan(before.fetches + 2), soon)
    await vi.waitFor(() => expect(signs().heartbeats).toBeGreaterThan(before.heartbeats + 1), soon)
  }
  expect(source.activity()).toBeNull()
  await member.start()
  expect(source.activity()?.withinMs).toBe(120_000)
  await goesOn()
  source.pause()
  await goesOn()
  source.resume()
  await s.produce(0, ['a'])
  // Heartbeats, while the fetch waits for the batch.
  await goesOn()
  dot.resolve()
  await vi.waitFor(() => expect(member.batches).toHaveLength(1), soon)
  await source.stop()
  expect(source.activity()).toBeNull()
})
