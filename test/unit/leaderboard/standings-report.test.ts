import { describe, expect, it } from 'vitest'
import type { CampaignStanding, PersonStanding, PositionChange } from '../../../src/leaderboard/standings.ts'
import { isDirty, positionSentences, standingSentences } from '../../../src/leaderboard/standings-report.ts'

const at = (second: number) => new Date(second * 1_000)
const standing: CampaignStanding = {
  campaignId: 'C',
  deleted: false,
  points: 3,
  rankedWith: 3,
  ranked: 340,
  dirty: 0,
  last: { beganAt: at(60), committedAt: at(61), mode: 'windowed', rowsChanged: 12 },
  pending: null,
}
const person: PersonStanding = {
  userId: 'U',
  campaignId: 'C',
  status: 'verified',
  deleted: false,
  position: 12,
  originalPosition: 20,
  verifiedReferrals: 2,
  points: 3,
  score: 14n,
  rankedScore: 14n,
  rankedWith: 3,
}
const change: PositionChange = {
  at: at(30),
  since: at(20),
  fromPosition: 15,
  toPosition: 12,
  fromScore: 17n,
  toScore: 14n,
  events: [{ eventId: 'E', type: 'referral.verified', at: at(25) }],
}
const kept = { history: 'top', historyDays: 30 } as const
const reported = (
  who: Partial<PersonStanding>,
  what: PositionChange | null = change,
  how: Parameters<typeof positionSentences>[3] = kept,
) => positionSentences({ ...person, ...who }, standing, what, how)
const movement = (what: Partial<PositionChange>) => reported({}, { ...change, ...what })[5]

describe('why a person stands at a position', () => {
  it('goes from the score and its parts to the last movement and its events', () => {
    expect(reported({})).toEqual([
      'Person U of campaign C is at position 12 of 340.',
      'The score is 14 = original position 20 - 2 verified referrals x 3 points. The lowest score is first; equal scores are ordered by created_at, then id.',
      'The row is ranked with this score.',
      'Last recalculated at 1970-01-01T00:01:00.000Z: windows around the changed rows, 12 rows written.',
      'No recalculation is pending.',
      'The last movement on record: from position 15 to 12, score 17 to 14, by the recalculation that began at 1970-01-01T00:00:30.000Z.',
      'It covered the events accepted after 1970-01-01T00:00:20.000Z and before it, 1 event:',
      '  referral.verified E at 1970-01-01T00:00:25.000Z',
    ])
  })

  it.each([
    ['changed since', { score: 11n, verifiedReferrals: 3 }, 'it was ranked with score 14, and the next recalculation ranks it with 11.'],
    ['is ranked with former points', { rankedWith: 1, rankedScore: 18n }, 'with score 18 at 1 point per referral, and the next'],
    ['has another rank by the same score', { rankedWith: 1 }, 'it was ranked with score 14 at 1 point per referral'],
    [
      'was blocked since',
      { status: 'blocked', score: null },
      'it still has score 14, and the next recalculation removes this person from the ranking.',
    ],
    ['joined', { rankedScore: null, rankedWith: 0 }, 'the next recalculation adds this person to the ranking.'],
  ])('says dirty, and what comes next, of a row that %s', (_, who, text) => {
    expect(isDirty({ ...person, ...who })).toBe(true)
    expect(reported(who)[2]).toContain('The row is dirty: ')
    expect(reported(who)[2]).toContain(text)
  })

  it.each([
    ['the person is marked as deleted', { deleted: true, status: 'blocked' }],
    ['the person is blocked', { status: 'blocked' }],
    ['the person is removed', { status: 'removed' }],
    ['no recalculation has ranked this person yet', { score: 14n }],
  ])('says why somebody is not ranked: %s', (why, who) => {
    const [place = '', score = '', row = ''] = reported({ score: null, rankedScore: null, ...who })
    expect(place).toBe(`Person U of campaign C is not ranked: ${why}. The column position holds 12, which has no meaning for this row.`)
    if ('score' in who) return
    expect(score).toContain('There is no score, because this person is not ranked')
    expect(row).toBe('The row is not in the ranking, as it should be.')
    expect(isDirty({ ...person, score: null, rankedScore: null, ...who })).toBe(false)
  })

  it('reports movements into the ranking, out of it, and by others', () => {
    expect(movement({ fromPosition: null, fromScore: null })).toContain('into the ranking at position 12, score 14, by')
    expect(movement({ toPosition: null, toScore: null })).toContain('out of the ranking, from position 15, score 17, by')
    expect(movement({ fromScore: 14n })).toContain('from position 15 to 12, score 14 as before: others moved, by')
  })

  it('says what is not on record: later movements, events, anything at all', () => {
    expect(reported({ position: 13 })[6]).toBe('The later movement to 13 is not on record.')
    expect(reported({}, { ...change, events: [] })[6]).toContain('It covered no event of the campaign')
    const many = { ...change, since: null, events: Array.from({ length: 20 }, () => ({ eventId: 'E', type: 't', at: at(25) })) }
    expect(reported({}, many)[6]).toBe('It covered the events accepted before it, the newest 20:')
    expect(reported({}, null).at(-1)).toBe(
      'No movement of this person is on record; the hundred largest of each recalculation are kept (LEADERBOARD_HISTORY=top), for LEADERBOARD_HISTORY_DAYS=30.',
    )
    expect(reported({}, null, { ...kept, history: 'all' }).at(-1)).toContain('all are kept for LEADERBOARD_HISTORY_DAYS=30')
    const off = 'LEADERBOARD_HISTORY=off: recalculations record no movements.'
    expect(reported({}, null, { ...kept, history: 'off' }).at(-1)).toBe(off)
    expect(reported({}, change, { ...kept, history: 'off' })).toContain(off)
  })
})

describe('a campaign', () => {
  it('names what it is ranked with, what changed, its last recalculation and the next one', () => {
    expect(standingSentences(standing)).toEqual([
      'Campaign C: 340 people ranked, 3 points per verified referral.',
      'No row has changed since it was ranked.',
      'Last recalculated at 1970-01-01T00:01:00.000Z: windows around the changed rows, 12 rows written.',
      'No recalculation is pending.',
    ])
    const text = standingSentences({
      ...standing,
      deleted: true,
      rankedWith: 1,
      dirty: 1_000,
      last: null,
      pending: { state: 'pending', since: at(1), dueAt: at(2), reason: 'campaign-locked' },
    }).join('\n')
    for (const part of [
      'Campaign C, which is deleted:',
      'They were ranked with 1 point; the next recalculation ranks all of them again.',
      '1000 rows or more joined, left or changed',
      'The campaign has never been recalculated.',
      'A recalculation is pending since 1970-01-01T00:00:01.000Z (campaign-locked), due at 1970-01-01T00:00:02.000Z.',
    ])
      expect(text).toContain(part)
    const underway = { state: 'claimed', since: at(1), dueAt: at(2), reason: null } as const
    expect(standingSentences({ ...standing, pending: underway }).at(-1)).toBe(
      'A recalculation is in progress, requested at 1970-01-01T00:00:01.000Z.',
    )
    expect(standingSentences({ ...standing, last: { beganAt: at(1), committedAt: at(1), mode: 'full', rowsChanged: 1 } })[2]).toContain(
      'the whole campaign, 1 row written.',
    )
  })
})
