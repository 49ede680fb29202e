import { expect, it } from 'vitest'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { paper, renderRetryPolicies, rowsOf } from './retry-policies-paper.ts'

it('docs/reference/states.md has the delays of every retry policy; `npx vitest run --project repo test/repo/retry-policies-paper.test.ts -u` renders them', async () => {
  const text = renderRetryPolicies()
  expect(text).toMatch(/^\| `email` .*\n\| `webhook` /m)
  await expect(text).toMatchFileSnapshot(`../../${paper}`)
})

it('the row of a channel shows its own policy, wherever that is written', () => {
  const destinations = { atOnce: 1, failures: 1, sole: null, names: { destination: 'partner', deliveries: 'orders' } }
  const retry = { delays: () => [1_000, 120_000], jitter: 'none', retryAfter: { defaultMs: 30_000, maxMs: 3_600_000 } } as const
  expect(rowsOf({ name: 'email', destinations, retry, deliveryLog: null })).toEqual([
    '| `email` | 1 s, 2 min | none | waits as long as `Retry-After` says, 1 h at most, or 30 s without it, and up to a tenth longer |',
  ])
  expect(rowsOf(channelList.leaderboard)).toEqual([])
})
