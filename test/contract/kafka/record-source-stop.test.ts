import { setTimeout as after } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { createSourceFixture, startsAt } from './source-fixture.ts'

const soon = { timeout: 100_000, interval: 25 }

test('a stop lets the batch in flight end, flushes as a member, and has left the group when it resolves', async () => {
  await using s = await createSourceFixture()
  const held = Promise.withResolvers<void>()
  const steps: string[] = []
  const member = s.member({
    batch: async (batch) => {
      await held.promise
      steps.push(`batch ended, aborted: ${batch.assignment.signal.aborted}`)
      return batch.nextOffset
    },
  })
  await member.start()
  await s.produce(0, ['a', 'b'])
  await vi.waitFor(() => expect(member.batches).toHaveLength(1), soon)
  const [assignment] = member.assignments
  if (!assignment) throw new Error('no assignment')
  const flush = async () => {
    steps.push(`flush, committed: ${await member.source.commit(assignment, new Map([[0, 2n]]))}`)
  }
  const stopped = member.source.stop(flush)
  expect(member.source.stop()).toBe(stopped)
  await s.produce(0, ['c'])
  held.resolve()
  await stopped
  await member.source.ended
  expect(steps).toEqual(['batch ended, aborted: false', 'flush, committed: true'])
  expect(await s.members()).toBe(0)
  expect(await s.admin.committed(s.group, s.topic)).toEqual(new Map([[0, 2n]]))
  expect(assignment.signal.aborted).toBe(true)
  expect(await member.source.commit(assignment, new Map([[0, 1n]]))).toBe(false)
  expect(member.values()).toEqual(['0:a', '0:b'])
})

test('a stop rejects with an error of the flush, and leaves the group nevertheless', async () => {
  await using s = await createSourceFixture()
  const member = s.member()
  await member.start()
  await expect(member.source.stop(() => Promise.reject(new Error('flush')))).rejects.toThrow('flush')
  await member.source.ended
  expect(await s.members()).toBe(0)
})

test.each([0, 2, 5, 10, 20, 40, 80])('a stop %i ms into the start leaves no member in the group and nothing running', async (ms) => {
  await using s = await createSourceFixture()
  await s.produce(0, ['a'])
  // The broker would keep a member that did not leave for as long.
  const member = s.member({}, { sessionTimeoutMs: 200_000 })
  const started = member.start()
  started.catch(() => undefined)
  await after(ms)
  await member.source.stop()
  await member.source.ended
  const handled = member.batches.length
  await vi.waitFor(async () => expect(await s.members()).toBe(0), soon)
  await s.produce(0, ['b'])
  // Another member proves that time has passed for a zombie too: it would hold the one partition.
  const next = s.member()
  await next.start()
  await vi.waitFor(() => expect(next.values()).toContain('0:b'), soon)
  expect(member.batches).toHaveLength(handled)
})

test('a stop during the first join waits for it and then leaves the group at once', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  const held = Promise.withResolvers<void>()
  const busy = s.member({
    batch: async (batch) => {
      await held.promise
      return batch.nextOffset
    },
  })
  await busy.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(busy.batches).toHaveLength(1), soon)
  // The broker keeps a member that did not leave for this long.
  const late = s.member({}, { sessionTimeoutMs: 30_000 })
  const started = late.start()
  await vi.waitFor(async () => expect((await s.admin.groupState(s.group)).state).toBe('PreparingRebalance'), soon)
  const stopped = late.source.stop()
  held.resolve()
  await stopped
  await expect(started).rejects.toThrow('stopped before it had joined')
  expect(await s.members()).toBe(1)
  await vi.waitFor(() => expect(busy.assignments.at(-1)?.partitions).toHaveLength(2), soon)
  expect(late.assignments).toEqual([])
})

test('a rebalance during the drain does not bring the member back', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  const held = Promise.withResolvers<void>()
  const member = s.member({
    batch: async (batch) => {
      await held.promise
      return batch.nextOffset
    },
  })
  await member.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.batches).toHaveLength(1), soon)
  const stopped = member.source.stop()
  const other = s.member({ assigned: (assignment) => Promise.resolve(startsAt(assignment, 0n)) })
  const joined = other.start()
  await vi.waitFor(() => expect(member.assignments[0]?.signal.aborted).toBe(true), soon)
  held.resolve()
  await stopped
  await joined
  expect(member.assignments).toHaveLength(1)
  // It left instead of joining: the first join of the other is without it.
  expect(other.assignments.map(({ partitions }) => partitions.length)).toEqual([2])
})
