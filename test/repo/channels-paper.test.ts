import { expect, it } from 'vitest'
import { channelList, channelNames } from '../../src/daemon/compose/channels.ts'
import { papers, renderPaper, rowsOf } from './channels-paper.ts'

it.each(papers)(
  '$path says of the channels what the list says; `npx vitest run --project repo test/repo/channels-paper.test.ts -u` renders it',
  async (paper) => {
    await expect(renderPaper(paper)).toMatchFileSnapshot(`../../${paper.path}`)
  },
)

it('the labels name every channel, and the retry policies those that send something', () => {
  const [labels, policies] = papers.map(({ text }) => text)
  for (const name of channelNames) expect(labels).toContain(`\`${name}\``)
  expect(policies).toMatch(/^\| `email` /m)
  expect(policies).toMatch(/^\| `webhook` /m)
  expect(policies).not.toMatch(/^\| `leaderboard` /m)
})

it('the row of a channel shows its own policy, wherever that is written', () => {
  const destinations = { atOnce: 1, failures: 1, sole: null, names: { destination: 'partner', deliveries: 'orders' } }
  const retry = { delays: () => [1_000, 120_000], jitter: 'none', retryAfter: { defaultMs: 30_000, maxMs: 3_600_000 } } as const
  expect(rowsOf({ name: 'email', destinations, retry, deliveryLog: null })).toEqual([
    '| `email` | 1 s, 2 min | none | waits as long as `Retry-After` says, 1 h at most, or 30 s without it, and up to a tenth longer |',
  ])
  expect(rowsOf(channelList.leaderboard)).toEqual([])
})
