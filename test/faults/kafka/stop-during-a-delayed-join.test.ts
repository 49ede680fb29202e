import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { kafkaSettings, createSourceFixture } from '../../contract/kafka/source-fixture.ts'
import type { SourceFixture } from '../../contract/kafka/source-fixture.ts'
import { eventually } from '../../support/eventually.ts'

const soon = { timeout: 100_000, interval: 25 }

/**
 * Fault: A stop during a join that the group delays for longer than the stop waits.
 * Promise: The stop ends in time, the group recovers, and nothing of the client keeps running.
 */
test('a stop during a join that the group delays ends in time, and the group recovers', async () => {
  await using s = await createSourceFixture({ partitions: 2 })
  const { busy, held } = await busyMember(s)
  const late = s.member()
  const started = late.start()
  await joinIsHeldUp(s)
  const stopped = late.source.stop()
  await expect(started).rejects.toThrow('stopped before it had joined')
  await stopped
  // It has not waited for the join, which the group still holds up.
  expect((await s.admin.groupState(s.group)).state).toBe('PreparingRebalance')
  held.resolve()
  // The broker keeps a join whose connection went away until its session timeout.
  await vi.waitFor(async () => expect(await s.members()).toBe(1), soon)
  await s.produce(1, ['b'])
  await vi.waitFor(() => expect(busy.values()).toContain('1:b'), soon)
  expect(late.assignments).toEqual([])
})

test('a process that is stopped while its group delays the join exits by itself', async () => {
  await using s = await createSourceFixture()
  const { held } = await busyMember(s)
  using _ = { [Symbol.dispose]: () => held.resolve() }
  const program = fileURLToPath(new URL('stop-during-join-child.ts', import.meta.url))
  const child = fork(program, [kafkaSettings().brokers[0] ?? '', s.group, s.topic], { execArgv: [] })
  const exited = once(child, 'exit')
  try {
    await joinIsHeldUp(s)
    child.send('stop')
    await eventually('the process has ended', () => child.exitCode !== null || 'still running')
    expect(child.exitCode).toBe(0)
  } finally {
    child.kill('SIGKILL')
    await exited
  }
})

/** A member in a batch that lasts until `held` is resolved: so long a join of the group waits for it. */
async function busyMember(s: SourceFixture) {
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
  return { busy, held }
}

function joinIsHeldUp(s: SourceFixture): Promise<void> {
  return eventually('the group holds the join up', async () => {
    const { state } = await s.admin.groupState(s.group)
    return state === 'PreparingRebalance' || state
  })
}
