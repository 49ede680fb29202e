import { expect, it } from 'vitest'
import { moveReplay } from '../../../../src/admin/replay/replay-moves.ts'
import type { ReplayAdmin } from '../../../../src/admin/replay/replay-admin.ts'

const unused = () => Promise.reject(new Error('is not used here'))

it('a cancellation looks for the intents of the job page by page, ends them a thousand at a time, and tries again those that were locked', async () => {
  const calls: string[] = []
  const waiting = new Set(Array.from({ length: 12_500 }, (_, n) => n + 1))
  const locked = new Map([
    [7, 1],
    [12_000, 9],
  ])
  const admin: ReplayAdmin = {
    create: unused,
    list: unused,
    find: unused,
    ends: unused,
    audit: unused,
    move: async () => 'running',
    unclaimed: async (id, after, limit) => {
      calls.push(`${limit} of ${id} after ${after?.id ?? 'none'}`)
      const rest = [...waiting].filter((each) => each > Number(after?.id ?? 0))
      return rest.slice(0, limit).map((each) => ({ id: String(each), reason: null }))
    },
    cancelIntents: async (ids) => {
      const free = ids.map(Number).filter((each) => (locked.get(each) ?? 0) === 0)
      for (const each of ids.map(Number)) locked.set(each, (locked.get(each) ?? 1) - 1)
      for (const each of free) waiting.delete(each)
      calls.push(`${ids.length} from ${ids[0]}`)
      return free.length
    },
  }
  const moved = await moveReplay(admin, '7', 'cancel', { owner: 'ada', because: 'a test' })
  expect(moved).toEqual({ before: 'running', cancelled: 12_499 })
  expect(calls).toEqual([
    '10000 of 7 after none',
    ...Array.from({ length: 10 }, (_, n) => `1000 from ${n * 1_000 + 1}`),
    '10000 of 7 after 10000',
    '1000 from 10001',
    '1000 from 11001',
    '500 from 12001',
    // One of the two that were locked is free now; a round that cancels none is the last.
    '10000 of 7 after none',
    '2 from 7',
    '10000 of 7 after none',
    '1 from 12000',
  ])
})
