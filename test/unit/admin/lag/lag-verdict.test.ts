import { describe, expect, it } from 'vitest'
import {
  groupVerdict,
  lagWords,
  partitionVerdict,
  type GroupConditions,
  type LagSample,
  type LagVerdict,
} from '../../../../src/admin/lag/lag-verdict.ts'

const usual: GroupConditions = { members: 1, paused: null, breaker: null }

/** Measurements 5 s apart, `[committed, high]` each, the log beginning at 100. */
const measured = (...points: readonly (readonly [number | null, number])[]): readonly LagSample[] =>
  points.map(([committed, high], index) => ({
    at: index * 5_000,
    low: 100n,
    high: BigInt(high),
    committed: committed === null ? null : BigInt(committed),
  }))

/** A minute in which both ends move evenly. */
const minute = (committed: readonly [number, number], high: readonly [number, number]) =>
  measured(
    ...Array.from({ length: 13 }, (_, index): [number, number] => [
      Math.round(committed[0] + ((committed[1] - committed[0]) * index) / 12),
      Math.round(high[0] + ((high[1] - high[0]) * index) / 12),
    ]),
  )

describe('the verdict on a partition', () => {
  it.each<[string, readonly LagSample[], Partial<GroupConditions>, LagVerdict]>([
    ['nothing measured', [], {}, { word: 'ok', sentence: 'Not measured yet.' }],
    ['nothing to read', measured([200, 200]), {}, { word: 'ok', sentence: 'Read to the end.' }],
    ['an empty log that was never read', measured([null, 100]), {}, { word: 'ok', sentence: 'Read to the end.' }],
    ['retention overtook the group', measured([90, 200]), {}, { word: 'data-lost', sentence: 'Records 90 to 99 were deleted before they were read.' }],
    ['a recreated topic', measured([900, 200]), {}, { word: 'data-lost', sentence: 'The log ends at 200, before the committed offset 900: the topic was recreated or truncated.' }],
    ['lost records are worse than nobody there', measured([90, 200]), { members: 0 }, { word: 'data-lost', sentence: 'Records 90 to 99 were deleted before they were read.' }],
    ['nobody there', measured([150, 200]), { members: 0 }, { word: 'no-member', sentence: 'No process reads it; behind by 50 records.' }],
    ['nobody there, with nothing to read', measured([200, 200]), { members: 0 }, { word: 'no-member', sentence: 'No process reads it; behind by 0 records.' }],
    ['nobody knows who is there', measured([200, 200]), { members: null }, { word: 'ok', sentence: 'Read to the end.' }],
    ['a pause', minute([150, 150], [200, 900]), { paused: 'quiet' }, { word: 'paused', sentence: 'Behind by 750 records because the group is paused: quiet; 0 were read and 700 written in 60 s.' }],
    ['a pause of a group that works off its backlog', minute([1_000, 4_000], [9_000, 9_600]), { paused: 'intents-due' }, { word: 'paused', sentence: 'Behind by 5600 records because the group is paused: intents-due; 3000 were read and 600 written in 60 s.' }],
    ['a pause that was measured once', measured([150, 200]), { paused: 'intents-due' }, { word: 'paused', sentence: 'Behind by 50 records because the group is paused: intents-due.' }],
    ['a pause with nothing to read', measured([200, 200]), { paused: 'quiet' }, { word: 'ok', sentence: 'Read to the end.' }],
    ['a breaker behind the pause', minute([150, 150], [200, 201]), { paused: 'intents-due', breaker: 'the SMTP relay accepts no mails' }, { word: 'breaker-open', sentence: 'Behind by 51 records because the SMTP relay accepts no mails, and the group waits for its backlog (intents-due).' }],
    ['a breaker that holds nothing back yet', measured([199, 200]), { breaker: 'the SMTP relay accepts no mails' }, { word: 'ok', sentence: '1 record in flight.' }],
    ['nothing read for a minute', minute([150, 150], [200, 260]), {}, { word: 'stalled', sentence: 'Behind by 110 records, and nothing was read for 60 s.' }],
    ['one record not read for a minute: below the floor, and stuck', minute([199, 199], [200, 200]), {}, { word: 'stalled', sentence: 'Behind by 1 record, and nothing was read for 60 s.' }],
    ['nothing read by a group that never committed', measured(...Array.from({ length: 13 }, (): [null, number] => [null, 130])), {}, { word: 'stalled', sentence: 'Behind by 30 records, and nothing was read for 60 s.' }],
    ['nothing read, but watched for less than a minute', minute([150, 150], [200, 260]).slice(0, 10), {}, { word: 'falling-behind', sentence: 'Behind by 95 records; 0 were read and 45 written in 45 s.' }],
    ['nothing moved for a minute, seen in a moment', measured([150, 200], [150, 200]), { oldestMs: 90_000, idleMs: 75_000 }, { word: 'stalled', sentence: 'Behind by 50 records, and nothing was read for 75 s.' }],
    ['unread for a minute, but moving until now', measured([150, 200], [150, 200]), { oldestMs: 90_000, idleMs: 5_000 }, { word: 'falling-behind', sentence: 'Behind by 50 records; 0 were read and 0 written in 5 s.' }],
    ['idle for an hour, and a burst that has just come', measured([150, 200], [150, 200]), { oldestMs: 4_000, idleMs: 3_600_000 }, { word: 'ok', sentence: '50 records in flight.' }],
    ['nothing read because nothing was there until now', measured(...Array.from({ length: 13 }, (_, index): [number, number] => [200, index < 12 ? 200 : 280])), {}, { word: 'ok', sentence: '80 records in flight.' }],
    ['a handful of records', minute([200, 290], [205, 300]), {}, { word: 'ok', sentence: '10 records in flight.' }],
    ['many records, all of the last seconds', minute([1_000, 61_000], [3_000, 63_000]), {}, { word: 'ok', sentence: '2000 records in flight.' }],
    ['more read than written', minute([1_000, 4_000], [9_000, 9_600]), {}, { word: 'catching-up', sentence: 'Behind by 5600 records, caught up in about 2 min; 3000 were read and 600 written in 60 s.' }],
    ['as much read as written, far behind', minute([1_000, 2_000], [9_000, 10_000]), {}, { word: 'falling-behind', sentence: 'Behind by 8000 records; 1000 were read and 1000 written in 60 s.' }],
    ['less read than written', minute([1_000, 2_000], [9_000, 12_000]), {}, { word: 'falling-behind', sentence: 'Behind by 10000 records; 1000 were read and 3000 written in 60 s.' }],
  ])('%s', (_, samples, circumstances, verdict) => {
    expect(partitionVerdict(samples, { ...usual, ...circumstances })).toEqual(verdict)
  }) // prettier-ignore
})

const of = (word: LagVerdict['word']): LagVerdict => ({ word, sentence: `It is ${word}.` })

describe('the verdict on a group', () => {
  it.each([
    ['ok', 120_000, 'ok'],
    ['ok', 120_001, 'intents-late'],
    ['catching-up', 600_000, 'intents-late'],
    ['paused', 600_000, 'paused'],
    ['stalled', 600_000, 'stalled'],
  ] as const)('%s with work that has been due for %i ms is %s', (word, ms, verdict) => {
    const due = [
      { channel: 'webhook', ms: 5 },
      { channel: 'email', ms },
    ]
    expect(groupVerdict(new Map([[0, of(word)]]), due).word).toBe(verdict)
  })

  it('names the channel that is late, and by how much', () => {
    expect(groupVerdict(new Map(), [{ channel: 'email', ms: 720_000 }]).sentence).toBe(
      'The log is read, but intents of the email channel have been due for 12 minutes.',
    )
  })

  it.each([
    ['ok', 'breaker-open'],
    ['catching-up', 'breaker-open'],
    ['paused', 'paused'],
    ['stalled', 'stalled'],
  ] as const)('%s with the relay away is %s, whatever is late', (word, verdict) => {
    expect(groupVerdict(new Map([[0, of(word)]]), [{ channel: 'email', ms: 600_000 }], 'mails wait: The relay is silent.').word).toBe(
      verdict,
    )
  })

  it('says what waits, and why', () => {
    expect(groupVerdict(new Map(), [], 'mails wait: The relay is silent.').sentence).toBe(
      'The log is read, but mails wait: The relay is silent.',
    )
  })

  it.each(lagWords.map((word, index) => [word, lagWords[index + 1] ?? word] as const))('%s comes before %s', (worse, better) => {
    expect(groupVerdict(new Map([[0, of(better)], [1, of(worse)]])).word).toBe(worse) // prettier-ignore
  })

  it('names the partition, or the number of partitions', () => {
    const verdicts = new Map([[0, of('ok')], [3, of('stalled')], [5, of('paused')]]) // prettier-ignore
    expect(groupVerdict(verdicts)).toEqual({ word: 'stalled', sentence: 'Partition 3: It is stalled.' })
    verdicts.set(7, of('stalled'))
    expect(groupVerdict(verdicts)).toEqual({ word: 'stalled', sentence: '2 partitions, the worst being 3: It is stalled.' })
    expect(groupVerdict(new Map())).toEqual({ word: 'ok', sentence: 'All partitions are read to the end, or nearly.' })
  })
})
