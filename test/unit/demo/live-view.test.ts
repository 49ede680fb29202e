import { expect, test } from 'vitest'
import { picture } from '../../../cmd/demo/live-view.ts'
import { knownGroups } from '../../../src/consumers/registry.ts'

const group = { handled: 1_234_567, rate: 99, lag: 12_345, inFlight: 10, due: 9_999, waiting: 9_999, retries: 9_999, deadLetters: 99_999 }
const types = ['milestone', 'position_update', 'reward_delivery', 'reward_earned', 'verification', 'welcome']

const sights = [
  { name: 'mails', address: 'http://127.0.0.1:65535/', shows: 'every mail that was sent' },
  { name: 'metrics', address: 'http://127.0.0.1:65535/metrics', shows: 'for Prometheus' },
  { name: 'status', address: 'http://127.0.0.1:65535/status', shows: 'groups and lag, as JSON' },
  { name: 'log', address: '/tmp/kafka-worker-demo-8D4SZ7/daemon.log', shows: 'of the daemon, JSON lines' },
]

const figuresOf = (groups: readonly string[]) => ({
  published: 12_345_678,
  groups: groups.map((name) => ({ group: name, ...group })),
  mails: types.map((type) => ({ type, count: 12_345_678 })),
  leaderboard: {
    campaign: 'Beta contest',
    leaders: [1, 2, 3, 4, 5].map((position) => ({ position, name: `Guest ${position}0000`, friends: 12_345, score: -12_345 })),
  },
})

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `group-${index + 1}-workers`)

test.each([
  ['every group that is registered', knownGroups.groups],
  ['one group', numbered(1)],
  ['twenty groups', numbered(20)],
])('the screen of the running demo with %s fits a terminal of 80 columns and 24 rows, cursor line included', (_, groups) => {
  const lines = picture(figuresOf(groups), sights).split('\n')
  expect(lines.length).toBeLessThan(24)
  expect(lines.filter(({ length }) => length > 80)).toEqual([])
  for (const seen of [...types, 'Guest 50000', groups[0] ?? '', 'http://127.0.0.1:65535/status', 'daemon.log'])
    expect(lines.some((line) => line.includes(seen))).toBe(true)
})

test('groups without a row of their own are added up in one', () => {
  const rowsAt = (rows: number) => picture(figuresOf(numbered(6)), sights, rows).match(/^(?:group-|\d+ more).*$/gm)
  expect(rowsAt(25)?.map((row) => row.split(' ')[0])).toEqual(numbered(6))
  const [last = '', ...others] = rowsAt(24)?.toReversed() ?? []
  expect(others.toReversed().map((row) => row.split(' ')[0])).toEqual(numbered(4))
  expect(last.split(/  +/)).toEqual(['2 more', '2.5M', '198', '25K', '20', '20K', '20K', '20K', '200K'])
  expect(rowsAt(1)).toEqual([expect.stringMatching(/^6 more /)])
})
