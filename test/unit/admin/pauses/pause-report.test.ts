import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { oldestUnread } from '../../../../src/admin/pauses/oldest-unread.ts'
import { noPauseSentence, pauseSentences, retentionLeft } from '../../../../src/admin/pauses/pause-report.ts'
import { pausedSubject, type Pause } from '../../../../src/model/pause.ts'
import { DAY_MS } from '../../../../src/std/day.ts'

const NOW = Date.UTC(2030, 0, 31)
const pause: Pause = { id: '1', scope: 'group', group: 'g', target: 'g', owner: 'ops', because: 'test', since: new Date(NOW), until: null }
const at = (agoMs: number) => new Date(NOW - agoMs)

it.each([
  [{ scope: 'group', target: 'g', group: 'g' }, [], 'There is no pause of group g; nothing is paused.'],
  [
    { scope: 'partition', target: '3', group: 'g' },
    [pause],
    'There is no pause of partition 3 in g; what is paused: group g paused by ops (test) until it is resumed.',
  ],
  [
    { scope: 'channel', target: 'email', group: null },
    [{ ...pause, scope: 'channel', target: 'email' }],
    'There is no pause of channel email in all groups, but email channel of g paused by ops (test) until it is resumed: add --group g.',
  ],
] as const)('a pause of %j that is not there is refused with those that are', (target, active, sentence) => {
  expect(noPauseSentence(target, active)).toBe(sentence)
})

it.each([
  [{ scope: 'group', target: 'g', group: 'g' }, 'Group g'],
  [{ scope: 'partition', target: '3', group: 'g' }, 'Partition 3 of g'],
  [{ scope: 'channel', target: 'email', group: 'g' }, 'The email channel of g'],
  [{ scope: 'type', target: 'user.signed_up', group: null }, 'Event type user.signed_up'],
] as const)('a sentence about the pause of %j begins with %s', (target, subject) => {
  expect(pausedSubject(target)).toBe(subject)
})

describe('the retention that is left', () => {
  it.each([
    ['nothing is lost where records are kept forever', null, null, null, 'keeps records forever: no record is lost'],
    ['the oldest unread record decides', 7 * DAY_MS, at(DAY_MS), null, 'deletes unread records in 6 d at the earliest'],
    [
      'without an unread record the next one decides',
      7 * DAY_MS,
      null,
      null,
      'in 7 d at the earliest (nothing is unread now, retention 7 d): resume before then.',
    ],
    ['a pause that ends first is no danger', 7 * DAY_MS, at(DAY_MS), new Date(NOW + DAY_MS), 'the pause ends before that.'],
    ['a pause that lasts longer is one', 7 * DAY_MS, at(6 * DAY_MS), new Date(NOW + 2 * DAY_MS), 'before the pause ends: resume earlier'],
    ['records may be gone already', DAY_MS, at(2 * DAY_MS), null, 'may delete unread records now'],
  ] as const)('%s', (_, retentionMs, oldest, until, words) => {
    const sentences = pauseSentences({ ...pause, until }, 0, retentionLeft('events', retentionMs, oldest, NOW), NOW)
    expect(sentences.join(' ')).toContain(words)
  })

  it('says how many attempts will be finished', () => {
    expect(pauseSentences(pause, 0, null, NOW)[0]).toContain('No intent of it is in flight.')
    expect(pauseSentences(pause, null, null, NOW)[0]).toContain('in flight could not be counted: attempts that have begun are finished.')
    expect(pauseSentences(pause, 1, null, NOW)[0]).toContain('1 intent of it is in flight')
    expect(pauseSentences(pause, 2, null, NOW)[0]).toContain('2 intents of it are in flight')
  })
})

/** A log whose records have these ages, oldest first. */
const logOf = (agesMs: readonly number[]) => ({
  async offsetsAt(_: string, time: Date) {
    const first = agesMs.findIndex((age) => NOW - age >= time.getTime())
    return new Map([[0, BigInt(first === -1 ? agesMs.length : first)]])
  },
})
const search = (agesMs: readonly number[], position: number) =>
  oldestUnread(logOf(agesMs), 'events', new Map([[0, BigInt(position)]]), new Map([[0, { low: 0n, high: BigInt(agesMs.length) }]]), {
    now: NOW,
    reachMs: 30 * DAY_MS,
  })

describe('the oldest unread record', () => {
  it('is none when all is read', async () => {
    expect(await search([5_000, 1_000], 2)).toBeNull()
  })

  it('is never found younger than it is, nor older by more than about a hundredth', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 2_000, max: 29 * DAY_MS }), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        async (unsorted, choice) => {
          const ages = unsorted.toSorted((one, other) => other - one)
          const position = choice % ages.length
          const age = ages[position] ?? 0
          const found = NOW - ((await search(ages, position))?.getTime() ?? NOW)
          expect(found).toBeGreaterThanOrEqual(age)
          expect(found).toBeLessThanOrEqual(age * 1.02 + 1_001)
        },
      ),
    )
  })
})
