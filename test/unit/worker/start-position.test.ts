import { describe, expect, it } from 'vitest'
import { startPositions, type StartQuestion } from '../../../src/worker/start-position.ts'

const empty = new Map([
  [0, { low: 0n, high: 0n }],
  [1, { low: 0n, high: 0n }],
])
const filled = new Map([
  [0, { low: 5n, high: 20n }],
  [1, { low: 0n, high: 0n }],
])
const question: StartQuestion = {
  group: 'test-workers',
  topic: 'domain-events',
  rows: [],
  ranges: filled,
  committed: new Set(),
  known: new Set(),
  startFrom: null,
  offsetsAtTime: new Map(),
}
const row = (partition: number, next: bigint) => ({ partition, next, exemptBelow: 0n })

/** What a start writes, or the refusal. */
function answer(change: Partial<StartQuestion>): unknown {
  const given = startPositions({ ...question, ...change })
  return given.is === 'refuse' ? given.sentence : given.create.map(({ partition, next, exemptBelow }) => [partition, next, exemptBelow])
}

describe('a group without any row', () => {
  it.each<[string, Partial<StartQuestion>, unknown]>([
    ['starts at once on an empty topic', { ranges: empty }, [[0, 0n, 0n], [1, 0n, 0n]]], // prettier-ignore
    ['starts at the beginning when told', { startFrom: 'earliest' }, [[0, 5n, 20n], [1, 0n, 0n]]], // prettier-ignore
    ['starts at the end when told', { startFrom: 'latest' }, [[0, 20n, 20n], [1, 0n, 0n]]], // prettier-ignore
    [
      'starts at a time when told, at the end where nothing is that new',
      { startFrom: new Date(0), offsetsAtTime: new Map([[0, 7n]]) },
      [[0, 7n, 20n], [1, 0n, 0n]], // prettier-ignore
    ],
    ['is told by the operator although offsets are committed', { startFrom: 'earliest', committed: new Set([0]) }, [[0, 5n, 20n], [1, 0n, 0n]]], // prettier-ignore
    [
      'does not mail last month by accident',
      {},
      expect.stringMatching(/already holds records: say .*KAFKA_START_FROM=earliest, latest or a time/),
    ],
    [
      'does not trust Kafka’s offsets alone: the database may be the wrong one',
      { committed: new Set([0]) },
      expect.stringMatching(/has committed offsets .* no progress .* check DATABASE_URL, or say KAFKA_START_FROM/),
    ],
    ['nor on an empty topic', { ranges: empty, committed: new Set([0]) }, expect.stringContaining('check DATABASE_URL')],
  ])('%s', (_, change, expected) => {
    expect(answer(change)).toEqual(expected)
  })
})

describe('a group with rows', () => {
  it.each<[string, Partial<StartQuestion>, unknown]>([
    ['goes on at them', { rows: [row(0, 10n), row(1, 0n)] }, []],
    ['goes on at the oldest record still held', { rows: [row(0, 5n), row(1, 0n)] }, []],
    ['goes on at the end', { rows: [row(0, 20n), row(1, 0n)] }, []],
    ['reads a partition that was added later from its beginning, and nothing of it is exempt', { rows: [row(1, 0n)] }, [[0, 5n, 0n]]],
    ['cares neither for KAFKA_START_FROM nor for Kafka’s offsets', { rows: [row(0, 10n), row(1, 0n)], startFrom: 'latest', committed: new Set([0]) }, []], // prettier-ignore
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
      expect.stringMatching(/partition 2 .* does not exist any more/),
    ],
  ])('%s', (_, change, expected) => {
    expect(answer(change)).toEqual(expected)
  })

  it('names the command that decides', () => {
    expect(answer({ rows: [row(0, 2n)] })).toMatch(/npm run workerctl -- offsets reset --group test-workers --to .* --accept-loss$/)
  })
})
