import { expect, it } from 'vitest'
import { createDatabaseProbe } from '../../src/database-probe.ts'
import { createHeldClock } from '../support/held-clock.ts'

function probeOf(query: () => Promise<unknown>) {
  const clock = createHeldClock()
  const changes: (string | null)[] = []
  const probe = createDatabaseProbe({ query, deadlineMs: 5_000, clock, changed: (cause) => void changes.push(cause) })
  return { probe, clock, changes }
}

it('tells each change of state once, and the latest cause when asked', async () => {
  let answer: Promise<unknown> = Promise.resolve()
  const { probe, clock, changes } = probeOf(() => answer)
  expect(probe.trouble()).toBe('it has not been asked yet')
  await probe.ask()
  await probe.ask()
  expect([probe.trouble(), changes]).toEqual([null, [null]])
  for (const cause of ['refused', 'reset']) {
    answer = Promise.reject(new Error(cause))
    await probe.ask()
    expect(probe.trouble()).toBe(cause)
  }
  answer = Promise.resolve()
  await probe.ask()
  expect([probe.trouble(), changes]).toEqual([null, [null, 'refused', null]])
  expect(clock.sleeping).toEqual([])
})

it('takes a server that is frozen for one that is away', async () => {
  const { probe, clock, changes } = probeOf(() => new Promise(() => undefined))
  const asked = probe.ask()
  expect(clock.sleeping).toEqual([5_000])
  clock.pass(5_000)
  await asked
  expect([probe.trouble(), changes]).toEqual(['the database has not answered for 5 s', []])
})
