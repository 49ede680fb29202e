import { expect, test } from 'vitest'
import { offsetWords, overviewOf } from '../../../../src/admin/lag/group-overview.ts'
import type { GroupLagReport } from '../../../../src/admin/lag/lag-report.ts'
import type { PartitionOffsets } from '../../../../src/admin/offsets/offset-report.ts'
import type { Pause } from '../../../../src/model/pause.ts'

const group = 'stage.email-workers'
const report: GroupLagReport = {
  group,
  topic: 'domain-events',
  verdict: { word: 'ok', sentence: 'All is read.' },
  cause: null,
  lag: 3n,
  secondsBehind: 0,
  members: 0,
  scalableBacklog: 0,
  due: [],
  away: [],
  slow: [],
  oldestDueSeconds: 0,
  partitions: [],
  partitionCount: 3,
}
const offsets = (partition: number, state: PartitionOffsets['state']): PartitionOffsets => ({
  partition,
  row: 5n,
  committed: 4n,
  low: 0n,
  high: 8n,
  lag: 3n,
  state,
  sentence: null,
})
const pause = (of: string | null): Pause => ({
  id: '1',
  scope: 'type',
  group: of,
  target: 'user.signed_up',
  owner: 'ops',
  because: 'import',
  since: new Date(0),
  until: null,
})

test('a group is shown with its own pauses, dead letters and partitions whose row and commit differ', () => {
  const overview = overviewOf({
    report,
    state: 'Empty',
    members: [],
    offsets: [offsets(0, 'ok'), offsets(1, 'commit-behind-row'), offsets(2, 'commit-behind-row')],
    pauses: [pause(group), pause(null), pause('stage.reward-workers')],
    letters: [
      { group, count: 2 },
      { group, count: 1 },
      { group: 'stage.reward-workers', count: 9 },
    ],
  })
  expect(overview).toMatchObject({ state: 'Empty', partitions: 3, lag: 3n, deadLetters: 3 })
  expect(overview.pauses.map((one) => one.group)).toEqual([group, null])
  expect(overview.differences).toEqual([1, 2].map((partition) => ({ partition, row: 5n, committed: 4n, state: 'commit-behind-row' })))
  expect(offsetWords(overview)).toBe('commit-behind-row 2')
  expect(offsetWords({ differences: [] })).toBe('ok')
})
