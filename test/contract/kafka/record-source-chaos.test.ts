import { setTimeout as after } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { progressRows } from './progress-rows.ts'
import { createSourceFixture } from './source-fixture.ts'
import type { Member, SourceFixture } from './source-fixture.ts'

const PARTITIONS = 6

test('while members join and leave, every record is accepted once and in order, no partition has two owners, and no commit goes back', async () => {
  await using s = await createSourceFixture({ partitions: PARTITIONS })
  const progress = progressRows()
  await using commits = watchCommits(s)
  const members: Member[] = []
  const join = async () => {
    const member = s.member(progress.handlers(() => after(Math.random() * 30)))
    await member.start()
    members.push(member)
  }
  const committing = committer(members, progress.rows)
  await join()
  let sent = 0
  for (let round = 0; round < 8; round += 1) {
    const leaving = round % 3 === 2 ? members.shift() : undefined
    await Promise.all([leaving ? leaving.source.stop() : join(), produceAll(s, (sent += 20))])
  }
  await vi.waitFor(() => expect(progress.accepted).toHaveLength(PARTITIONS * sent), { timeout: 100_000, interval: 50 })
  await committing.stop()
  expect(progress.faults).toEqual([])
  expectInOrder(progress.accepted, sent)
  expect(commits.backwards).toEqual([])
})

/** Twenty more records for every partition, so that each has `upTo`. */
async function produceAll(s: SourceFixture, upTo: number): Promise<void> {
  for (let value = upTo - 20; value < upTo; value += 5) {
    const values = [0, 1, 2, 3, 4].map((step) => String(value + step))
    await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => s.produce(partition, values)))
  }
}

function expectInOrder(accepted: readonly string[], sent: number): void {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const own = accepted.filter((value) => value.startsWith(`${partition}:`))
    expect(own).toEqual(Array.from({ length: sent }, (_, value) => `${partition}:${value}`))
  }
}

/** Commits what the rows hold, for every member and its newest assignment, about every 20 ms. */
function committer(members: readonly Member[], rows: ReadonlyMap<number, bigint>) {
  const stopped = new AbortController()
  const running = (async () => {
    while (!stopped.signal.aborted) {
      await Promise.all(
        members.map(async ({ source, assignments }) => {
          const assignment = assignments.at(-1)
          const owned = [...rows].filter(([partition]) => assignment?.partitions.includes(partition))
          if (assignment && owned.length > 0) await source.commit(assignment, new Map(owned))
        }),
      )
      await after(20)
    }
  })()
  return {
    stop: async () => {
      stopped.abort()
      await running
    },
  }
}

/** Looks at the committed offsets all the time; `backwards` names every one that went back. */
function watchCommits(s: SourceFixture) {
  const stopped = new AbortController()
  const backwards: string[] = []
  const seen = new Map<number, bigint>()
  const running = (async () => {
    while (!stopped.signal.aborted) {
      for (const [partition, offset] of await s.admin.committed(s.group, s.topic)) {
        const before = seen.get(partition) ?? 0n
        if (offset < before) backwards.push(`partition ${partition} from ${before} to ${offset}`)
        seen.set(partition, offset)
      }
      await after(20)
    }
  })()
  return {
    backwards,
    [Symbol.asyncDispose]: async () => {
      stopped.abort()
      await running
    },
  }
}
