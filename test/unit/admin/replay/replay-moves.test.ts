import { expect, it } from 'vitest'
import { moveReplay } from '../../../../src/admin/replay/replay-moves.ts'
import type { ReplayAdmin } from '../../../../src/admin/replay/replay-admin.ts'

const unused = () => Promise.reject(new Error('is not used here'))

it('a cancellation looks for the intents of the job once, and ends them a thousand at a time', async () => {
  const calls: string[] = []
  const admin: ReplayAdmin = {
    create: unused,
    list: unused,
    find: unused,
    ends: unused,
    audit: unused,
    move: async () => 'running',
    unclaimed: async (id) => {
      calls.push(`unclaimed of ${id}`)
      return Array.from({ length: 2_500 }, (_, n) => String(n))
    },
    cancelIntents: async (ids) => {
      calls.push(`${ids.length} from ${ids[0]}`)
      return ids.length
    },
  }
  const moved = await moveReplay(admin, '7', 'cancel', { owner: 'ada', because: 'a test' })
  expect(moved).toEqual({ before: 'running', cancelled: 2_500 })
  expect(calls).toEqual(['unclaimed of 7', '1000 from 0', '1000 from 1000', '500 from 2000'])
})
