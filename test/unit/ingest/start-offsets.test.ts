import { describe, expect, it } from 'vitest'
import { decideStart, type StartContext } from '../../../src/ingest/start-offsets.ts'

const empty = new Map([
  [0, { low: 0n, high: 0n }],
  [1, { low: 0n, high: 0n }],
])
const filled = new Map([
  [0, { low: 5n, high: 20n }],
  [1, { low: 0n, high: 0n }],
])
const question: StartContext = {
  group: 'test-workers',
  topic: 'domain-events',
  rows: [],
  ranges: filled,
  topicId: null,
  epochEnds: new Map(),
  members: 0,
  committed: new Map(),
  seenPartitions: new Set(),
  startFrom: null,
  offsetsAtTime: new Map(),
}
const row = (partition: number, next: bigint) => ({ partition, next, exemptBelow: 0n })

/** What a start writes, or the refusal. */
function answer(change: Partial<StartContext>): unknown {
  const given = decideStart({ ...question, ...change })
  return given.is === 'refuse' ? given.sentence : given.create.map(({ partition, next, exemptBelow }) => [partition, next, exemptBelow])
}

describe('a group without any row', () => {
  it.each<[string, Partial<StartContext>, unknown]>([
    ['starts at once on an empty topic', { ranges: empty }, [[0, 0n, 0n], [1, 0n, 0n]]], // prettier-ignore
    ['starts at the beginning with `earliest`', { startFrom: 'earliest' }, [[0, 5n, 20n], [1, 0n, 0n]]], // prettier-ignore
    ['starts at the end with `latest`', { startFrom: 'latest' }, [[0, 20n, 20n], [1, 0n, 0n]]], // prettier-ignore
    [
      'starts at a time, or at the end when no record is that new',
      { startFrom: new Date(0), offsetsAtTime: new Map([[0, 7n]]) },
      [[0, 7n, 20n], [1, 0n, 0n]], // prettier-ignore
    ],
    ['follows KAFKA_START_FROM although offsets are committed', { startFrom: 'earliest', committed: new Map([[0, 8n]]) }, [[0, 5n, 20n], [1, 0n, 0n]]], // prettier-ignore
    [
      'does not mail last month by accident',
      {},
      expect.stringMatching(/already holds records: set KAFKA_START_FROM to earliest, latest, committed/),
    ],
    [
      'does not trust Kafka’s offsets alone: the database may be the wrong one',
      { committed: new Map([[0, 8n]]) },
      expect.stringMatching(/has committed offsets .* no progress .* check DATABASE_URL, or set KAFKA_START_FROM=committed/),
    ],
    [
      'starts at the committed offsets with `committed`, and at the beginning where there is none',
      { startFrom: 'committed', committed: new Map([[0, 8n]]) },
      [[0, 8n, 20n], [1, 0n, 0n]], // prettier-ignore
    ],
    [
      'takes over from nobody that still runs',
      { startFrom: 'committed', committed: new Map([[0, 8n]]), members: 1 },
      expect.stringMatching(/group test-workers has 1 running member that this database does not know: stop the worker/),
    ],
    [
      'nor from a group that Kafka knows nothing of',
      { startFrom: 'committed' },
      expect.stringMatching(/no committed offsets of group test-workers .* correct KAFKA_GROUP_PREFIX/),
    ],
    [
      'nor over records that are lost',
      { startFrom: 'committed', committed: new Map([[0, 3n]]) },
      expect.stringMatching(/committed domain-events\/0 at 3, outside 5 to 20: .* --group test-workers --to committed --accept-loss$/),
    ],
    ['nor on an empty topic', { ranges: empty, committed: new Map([[0, 8n]]) }, expect.stringContaining('check DATABASE_URL')],
  ])('%s', (_, change, expected) => {
    expect(answer(change)).toEqual(expected)
  })
})

describe('a group with rows', () => {
  it.each<[string, Partial<StartContext>, unknown]>([
    ['goes on at them', { rows: [row(0, 10n), row(1, 0n)] }, []],
    ['goes on at the oldest record still held', { rows: [row(0, 5n), row(1, 0n)] }, []],
    ['goes on at the end', { rows: [row(0, 20n), row(1, 0n)] }, []],
    ['reads a partition that was added later from its beginning, and nothing of it is exempt', { rows: [row(1, 0n)] }, [[0, 5n, 0n]]],
    ['cares neither for KAFKA_START_FROM nor for Kafka’s offsets', { rows: [row(0, 10n), row(1, 0n)], startFrom: 'latest', committed: new Map([[0, 8n]]) }, []], // prettier-ignore
    [
      'refuses a lost range by name',
      { rows: [row(0, 2n), row(1, 0n)] },
      expect.stringMatching(/at offset 2 of domain-events\/0, but the log begins at 5: records 2 to 4 are lost/),
    ],
    [
      'refuses what the log has never held',
      { rows: [row(0, 21n), row(1, 0n)] },
      expect.stringMatching(/at offset 21 .* ends at 20 \(was the topic recreated\?\)/),
    ],
    [
      'refuses a partition that is gone',
      { rows: [row(0, 10n), row(1, 0n), row(2, 0n)] },
      expect.stringMatching(/partition 2 .* no longer exists/),
    ],
  ])('%s', (_, change, expected) => {
    expect(answer(change)).toEqual(expected)
  })

  it('names the commands that skip exactly the partitions with lost records, all at once', () => {
    const ranges = new Map([0, 1, 2, 3].map((partition) => [partition, { low: 5n, high: 20n }]))
    const last = { offset: 12n, leaderEpoch: 3 }
    const rows = [row(0, 2n), row(1, 9n), row(2, 4n), { ...row(3, 13n), last }]
    expect(answer({ rows, ranges, epochEnds: new Map([[3, 10n]]) })).toMatch(
      /at offset 2 of domain-events\/0, .*; .* at offset 4 of domain-events\/2, .*; .* at offset 13 of domain-events\/3, but the log was truncated at 10, .*; decide with: npm run workerctl -- offsets reset --group test-workers --partition 0,2 --to earliest --accept-loss && npm run workerctl -- offsets reset --group test-workers --partition 3 --to 10 --accept-loss$/,
    )
  })

  it('refuses another topic of the same name, however well its offsets fit', () => {
    const rows = [{ ...row(0, 20n), topicId: 'old' }, row(1, 0n)]
    expect(answer({ rows, topicId: 'old' })).toEqual([])
    expect(answer({ rows, topicId: null })).toEqual([])
    expect(answer({ rows, topicId: 'new' })).toMatch(
      /^topic domain-events was deleted and recreated since group test-workers read it up to offset 20 of partition 0: .* --group test-workers --to earliest --accept-loss$/,
    )
  })

  it('continues when retention or compaction has removed the last record read', () => {
    const last = { offset: 4n, leaderEpoch: 3 }
    expect(answer({ rows: [{ ...row(0, 5n), last }, row(1, 0n)], epochEnds: new Map([[0, 5n]]) })).toEqual([])
  })
})
