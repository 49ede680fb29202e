import { expect, test } from 'vitest'
import { picture } from '../../../cmd/demo/live-view.ts'
import { knownGroups } from '../../../src/consumers/registry.ts'

const group = { handled: 1_234_567, rate: 99, lag: 12_345, inFlight: 10, due: 9_999, waiting: 9_999, retries: 9_999, deadLetters: 99_999 }
const types = ['milestone', 'position_update', 'reward_delivery', 'reward_earned', 'verification', 'welcome']

test('the screen of the running demo fits a terminal of 80 columns and 24 rows, cursor line included', () => {
  const lines = picture(
    {
      published: 12_345_678,
      groups: knownGroups.groups.map((name) => ({ group: name, ...group })),
      mails: types.map((type) => ({ type, count: 12_345_678 })),
      leaderboard: {
        campaign: 'Beta contest',
        leaders: [1, 2, 3, 4, 5].map((position) => ({ position, name: `Guest ${position}0000`, friends: 12_345, score: -12_345 })),
      },
    },
    [
      { name: 'mails', address: 'http://127.0.0.1:65535/', shows: 'every mail that was sent' },
      { name: 'metrics', address: 'http://127.0.0.1:65535/metrics', shows: 'for Prometheus' },
      { name: 'status', address: 'http://127.0.0.1:65535/status', shows: 'groups and lag, as JSON' },
      { name: 'log', address: '/tmp/kafka-worker-demo-8D4SZ7/daemon.log', shows: 'of the daemon, JSON lines' },
    ],
  ).split('\n')
  expect(lines.length).toBeLessThan(24)
  expect(lines.filter(({ length }) => length > 80)).toEqual([])
  for (const seen of [...types, 'Guest 50000', 'reward-workers', 'http://127.0.0.1:65535/status', 'daemon.log'])
    expect(lines.some((line) => line.includes(seen))).toBe(true)
})
