import { expect, test, vi } from 'vitest'
import { socketsThatRefuse, socketsWithoutCommits } from './lossy-sockets.ts'
import { evict } from './raw-request.ts'
import { kafkaSettings, createSourceFixture, startsAt } from './source-fixture.ts'
import type { Member, SourceFixture } from './source-fixture.ts'

const soon = { timeout: 100_000, interval: 25 }

test('a commit that the broker refuses is not resent in the next membership', async () => {
  await using s = await createSourceFixture()
  // Heartbeats so far apart that the commit is the first to meet the refusal.
  const member = s.member({ assigned: (assignment) => Promise.resolve(startsAt(assignment, 1n)) }, patient)
  await member.start()
  await s.produce(0, ['a', 'b'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:b']), soon)
  const [assignment] = member.assignments
  if (!assignment) throw new Error('no assignment')
  await evictNewest(s, member)
  expect(await member.source.commit(assignment, new Map([[0, 2n]]))).toBe(false)
  expect(member.reported('assignment-ended').map(({ reason }) => reason)).toEqual(['the broker refused a commit of this membership'])
  await vi.waitFor(() => expect(member.assignments).toHaveLength(2), soon)
  await s.produce(0, ['c'])
  await vi.waitFor(() => expect(member.values()).toContain('0:c'), soon)
  expect(await s.admin.committed(s.group, s.topic)).toEqual(new Map())
  expect(member.reported('crashed')).toEqual([])
})

test('a commit that found no broker is not sent in the next membership', async () => {
  await using s = await createSourceFixture()
  let isDown = true
  const settings = { ...kafkaSettings(), socketFactory: socketsWithoutCommits(() => isDown) }
  const member = s.member(
    {
      assigned: (assignment) => {
        isDown = assignment.epoch === 1
        return Promise.resolve(startsAt(assignment, 1n))
      },
    },
    { settings },
  )
  await member.start()
  await s.produce(0, ['a', 'b'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:b']), soon)
  const [assignment] = member.assignments
  const committing = assignment && member.source.commit(assignment, new Map([[0, 2n]]))
  await evictNewest(s, member)
  await vi.waitFor(() => expect(member.assignments).toHaveLength(2), soon)
  expect(await committing).toBe(false)
  expect(member.reported('commit-failed')).toHaveLength(1)
  expect(await s.admin.committed(s.group, s.topic)).toEqual(new Map())
})

test('a member that was removed from its group rejoins and gets new start offsets', async () => {
  await using s = await createSourceFixture()
  const member = s.member()
  await member.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a']), soon)
  await evictNewest(s, member)
  await vi.waitFor(() => expect(member.assignments).toHaveLength(2), soon)
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a', '0:a']), soon)
  expect(member.assignments[0]?.signal.aborted).toBe(true)
  expect(await s.members()).toBe(1)
})

test('a batch that ends after its membership does not move the offsets of the next one', async () => {
  await using s = await createSourceFixture()
  const held = Promise.withResolvers<void>()
  const member = s.member({
    batch: async (batch) => {
      if (batch.assignment.epoch === 1) await held.promise
      return batch.nextOffset
    },
  })
  await member.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.batches).toHaveLength(1), soon)
  await evictNewest(s, member)
  await vi.waitFor(() => expect(member.assignments[0]?.signal.aborted).toBe(true), soon)
  held.resolve()
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a', '0:a']), soon)
  expect(member.batches.map(({ assignment }) => assignment.epoch)).toEqual([1, 2])
})

test('a batch that ends after its partitions got new start offsets moves none of them', async () => {
  await using s = await createSourceFixture()
  const held = Promise.withResolvers<void>()
  const member = s.member({
    batch: async (batch) => {
      if (batch.assignment.epoch > 1) return batch.nextOffset
      await held.promise
      // Where it stopped, as a batch does whose assignment has ended.
      return 1n
    },
  })
  await s.produce(0, ['a', 'b'])
  await member.start()
  await vi.waitFor(() => expect(member.batches).toHaveLength(1), soon)
  member.source.restartAssignment()
  await vi.waitFor(() => expect(member.assignments).toHaveLength(2), soon)
  held.resolve()
  await vi.waitFor(() => expect(member.batches).toHaveLength(2), soon)
  expect(member.batches.map(({ assignment }) => assignment.epoch)).toEqual([1, 2])
  expect(member.values()).toEqual(['0:a', '0:b', '0:a', '0:b'])
  expect(member.assignments).toHaveLength(2)
})

test('a member that drains for longer than its session timeout keeps its session, and can commit at the end', async () => {
  await using s = await createSourceFixture()
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
  const [assignment] = member.assignments
  let committed: boolean | undefined
  const stopped = member.source.stop(async () => {
    committed = assignment && (await member.source.commit(assignment, new Map([[0, 1n]])))
  })
  setTimeout(held.resolve, 8_000)
  await stopped
  expect(committed).toBe(true)
  expect(await s.admin.committed(s.group, s.topic)).toEqual(new Map([[0, 1n]]))
})

test('a join that the coordinator does not accept yet is retried, although the coordinator still knows the old membership', async () => {
  await using s = await createSourceFixture()
  let moved = 0
  // The coordinator has moved: the old one says so to a heartbeat, the new one is loading when the join comes, twice.
  const socketFactory = socketsThatRefuse((request) => {
    if (request === 'heartbeat' && moved === 1) moved = 2
    else if (request === 'join' && (moved === 2 || moved === 3)) moved += 1
    else return undefined
    return request === 'heartbeat' ? NOT_COORDINATOR : COORDINATOR_LOAD_IN_PROGRESS
  })
  const member = s.member({}, { settings: { ...kafkaSettings(), socketFactory } })
  await member.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a']), soon)
  moved = 1
  await vi.waitFor(() => expect(moved).toBe(4), soon)
  await vi.waitFor(() => expect(member.assignments).toHaveLength(2), soon)
  await s.produce(0, ['b'])
  await vi.waitFor(() => expect(member.values()).toContain('0:b'), soon)
  expect(member.reported('crashed')).toEqual([])
  expect(await s.members()).toBe(1)
})

test('a join that is never accepted crashes the client, which starts over', async () => {
  await using s = await createSourceFixture()
  let moved = 0
  const socketFactory = socketsThatRefuse((request) => {
    if (request === 'heartbeat' && moved === 1) moved = 2
    else if (request !== 'join' || moved !== 2) return undefined
    return request === 'heartbeat' ? NOT_COORDINATOR : COORDINATOR_LOAD_IN_PROGRESS
  })
  const member = s.member({}, { settings: { ...kafkaSettings(), socketFactory } })
  await member.start()
  moved = 1
  await vi.waitFor(() => expect(member.reported('crashed')).toHaveLength(1), soon)
  moved = 0
  await vi.waitFor(() => expect(member.assignments).toHaveLength(2), soon)
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a']), soon)
  expect(await s.members()).toBe(1)
})

test('a membership that a broker refused for a moment continues with new start offsets', async () => {
  await using s = await createSourceFixture()
  let isMoved = false
  const member = s.member(
    { assigned: (assignment) => Promise.resolve(startsAt(assignment, BigInt(assignment.epoch) - 1n)) },
    {
      settings: {
        ...kafkaSettings(),
        socketFactory: socketsThatRefuse((request) => (request === 'commit' && isMoved ? NOT_COORDINATOR : undefined)),
      },
    },
  )
  await member.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a']), soon)
  isMoved = true
  const [first] = member.assignments
  expect(first && (await member.source.commit(first, new Map([[0, 1n]])))).toBe(false)
  isMoved = false
  expect(first?.signal.aborted).toBe(true)
  await vi.waitFor(() => expect(member.assignments).toHaveLength(2), soon)
  await s.produce(0, ['b'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a', '0:b']), soon)
  const second = member.assignments[1]
  expect(second && (await member.source.commit(second, new Map([[0, 2n]])))).toBe(true)
  expect(member.reported('crashed')).toEqual([])
})

test('a member without partitions does not affect the other members of its process', async () => {
  await using s = await createSourceFixture()
  const first = s.member()
  await first.start()
  const second = s.member()
  await second.start()
  const owners = () => [first, second].map(({ assignments }) => assignments.at(-1)?.partitions.length)
  await vi.waitFor(() => expect(owners().toSorted((a = 0, b = 0) => a - b)).toEqual([0, 1]), soon)
  for (const value of ['a', 'b', 'c']) {
    await s.produce(0, [value])
    await vi.waitFor(() => expect([...first.values(), ...second.values()].at(-1)).toBe(`0:${value}`), soon)
  }
  expect([first, second].flatMap((member) => member.reported('crashed'))).toEqual([])
  expect([first, second].map(({ assignments }) => assignments.length)).toEqual([2, 1])
})

test('an exception from a report handler has no effect', async () => {
  await using s = await createSourceFixture()
  const member = s.member({
    report: () => {
      throw new TypeError('a bug of an observer')
    },
  })
  await member.start()
  await s.produce(0, ['a'])
  await vi.waitFor(() => expect(member.values()).toEqual(['0:a']), soon)
  expect(member.assignments).toHaveLength(1)
  expect(member.reported('crashed')).toEqual([])
})

/** As the protocol numbers them. */
const COORDINATOR_LOAD_IN_PROGRESS = 14
const NOT_COORDINATOR = 16

const patient = { sessionTimeoutMs: 20_000, heartbeatIntervalMs: 6_000 }

async function evictNewest(s: SourceFixture, member: Member): Promise<void> {
  const [broker = ''] = kafkaSettings().brokers
  const memberId = member.reported('joined').at(-1)?.memberId
  if (memberId === undefined) throw new Error('the member has not joined')
  await evict(broker, s.group, memberId)
}
