import { expect, it } from 'vitest'
import type { Fact } from '../../../src/model/fact.ts'
import type { SourceReport } from '../../../src/ingest/record-source.ts'
import { factOf } from '../../../src/ingest/source-fact.ts'

const group = 'test-workers'
const topic = 'domain-events'

it.each<[Exclude<SourceReport, { is: 'passed' }>, Fact]>([
  [
    { is: 'joined', epoch: 2, partitions: [0, 1], memberId: 'm' },
    { is: 'group-joined', group, topic, partitions: [0, 1], epoch: 2 },
  ],
  [
    { is: 'assignment-ended', epoch: 2, reason: 'rebalance' },
    { is: 'assignment-ended', group, epoch: 2, reason: 'rebalance' },
  ],
  [
    { is: 'crashed', error: new Error('why'), rebuildInMs: 100, crashes: 1 },
    { is: 'consumer-crashed', group, cause: 'why', rebuildInMs: 100, crashes: 1 },
  ],
  [
    { is: 'committed', offsets: new Map([[0, 5n]]) },
    { is: 'committed', group, topic, offsets: new Map([[0, 5n]]) },
  ],
  [
    { is: 'commit-failed', error: new Error('why') },
    { is: 'commit-failed', group, cause: 'why' },
  ],
  [
    { is: 'handler-escaped', error: Object.assign(new TypeError('person@example.com'), { stack: '' }), partition: 3 },
    { is: 'handler-escaped', group, partition: 3, cause: 'TypeError' },
  ],
  [
    { is: 'client-log', level: 'warn', message: 'words', detail: { retry: 1 } },
    { is: 'client-log', group, level: 'warn', message: 'words', detail: { retry: 1 } },
  ],
])('$is becomes a fact of its group', (report, fact) => {
  expect(factOf(report, group, topic)).toEqual(fact)
})
