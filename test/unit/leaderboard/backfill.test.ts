import { describe, expect, it } from 'vitest'
import { backfillRows, backfillSummary, backfillTotals, createBackfillLines } from '../../../src/leaderboard/backfill-lines.ts'
import { backfillAll, type Backfilled, type Backfiller, type BackfillFact } from '../../../src/leaderboard/backfill.ts'
import { createAutoAdvancingClock } from '../../support/auto-advancing-clock.ts'

const done = (rows: number, corrected = 0): Backfilled => ({ is: 'done', rows, corrected, whole: false })
const [a, b, c] = ['campaign-a', 'campaign-b', 'campaign-c'] as const

/** Each campaign's outcomes, one after the other; and the order in which they were requested. */
function scripted(outcomes: Readonly<Record<string, readonly Backfilled[]>>) {
  const recalculated: string[] = []
  const backfiller: Backfiller = {
    campaigns: () => Promise.resolve(Object.keys(outcomes)),
    backfill: (campaignId) => {
      const outcome = outcomes[campaignId]?.[recalculated.filter((one) => one === campaignId).length]
      recalculated.push(campaignId)
      if (outcome === undefined) throw new Error(`${campaignId} was requested once more`)
      return Promise.resolve(outcome)
    },
  }
  return { recalculated, backfiller }
}

describe('backfillAll', () => {
  it('goes through the campaigns in their order, and looks again at locked ones after the others until they are free', async () => {
    const locked: Backfilled = { is: 'locked', by: 'campaign' }
    const { recalculated, backfiller } = scripted({
      [a]: [locked, locked, locked, done(1)],
      [b]: [done(2)],
      [c]: [locked, { is: 'nothing' }],
    })
    const clock = createAutoAdvancingClock()
    const facts: BackfillFact[] = []
    const ended = await backfillAll(backfiller, [a, b, c], { clock, report: (fact) => facts.push(fact) })
    expect(recalculated).toEqual([a, b, c, a, c, a, a])
    expect([...ended]).toEqual([
      [b, done(2)],
      [c, { is: 'nothing' }],
      [a, done(1)],
    ])
    // Only when nothing else was left to do.
    expect(clock.slept).toHaveLength(1)
    expect(clock.slept[0]).toBeLessThanOrEqual(1_000)
    expect(
      facts.map((fact) => (fact.is === 'ended' ? `${fact.campaignId} ended, ${fact.left} left` : `${fact.campaignId} locked`)),
    ).toEqual([
      'campaign-a locked',
      'campaign-b ended, 2 left',
      'campaign-c locked',
      'campaign-a locked',
      'campaign-c ended, 1 left',
      'campaign-a locked',
      'campaign-a ended, 0 left',
    ])
  })

  it('ends at once with no campaigns, and passes on what goes wrong', async () => {
    const clock = createAutoAdvancingClock()
    expect((await backfillAll(scripted({}).backfiller, [], { clock, report: () => {} })).size).toBe(0)
    await expect(backfillAll(scripted({ [a]: [] }).backfiller, [a], { clock, report: () => {} })).rejects.toThrow('once more')
  })
})

function lines() {
  const clock = createAutoAdvancingClock()
  const reported: string[] = []
  const report = createBackfillLines(clock, (line) => reported.push(line))
  return { reported, report, pass: (ms: number) => clock.sleep(ms) }
}
const ranked = (rows: number, ms: number): BackfillFact => ({
  is: 'ranked',
  campaignId: a,
  ranked: 50_000 + rows,
  of: 1_050_000,
  rows,
  ms,
})

describe('lines of a backfill', () => {
  it('come every five seconds at most, with rows, rate and what is left', async () => {
    const { reported, report, pass } = lines()
    report(ranked(5_000, 250))
    await pass(4_999)
    report(ranked(90_000, 4_999))
    expect(reported).toEqual([])
    await pass(1)
    report(ranked(100_000, 5_000))
    report(ranked(105_000, 5_001))
    await pass(5_000)
    report({ is: 'ended', campaignId: a, backfilled: done(1_000_000), left: 1 })
    await pass(5_000)
    report({ is: 'ended', campaignId: b, backfilled: { is: 'nothing' }, left: 0 })
    expect(reported).toEqual([
      'campaign campaign-a: 150,000 of 1,050,000 ranked, 20,000 rows/s, about 45 s left',
      'campaign campaign-a: done, 1,000,000 ranked; 1 campaign left',
      'campaign campaign-b: nothing left to do',
    ])
  })

  it('say at once what is left alone, and now and then what is locked', async () => {
    const { reported, report, pass } = lines()
    const locked = () => {
      report({ is: 'postponed', campaignId: b, by: 'campaign' })
      report({ is: 'postponed', campaignId: c, by: 'rows' })
      report({ is: 'rows-locked', campaignId: a })
    }
    locked()
    locked()
    report({ is: 'ended', campaignId: c, backfilled: { is: 'other-points', rows: 0, rankedWith: 1, points: 10 }, left: 2 })
    await pass(30_000)
    locked()
    const both = [
      'campaign campaign-b: another session ranks it, trying again after the others',
      'campaign campaign-c: another session holds locks on its rows, trying again after the others',
      'campaign campaign-a: another session has locked rows, trying again',
    ]
    expect(reported).toEqual([
      ...both,
      'campaign campaign-c: left to a daemon, which ranks the whole campaign in one transaction: its participants were ranked with 1 point per referral, and the setting is 10',
      ...both,
    ])
  })

  it('end with a sentence, or with figures for a program', () => {
    expect(backfillSummary(new Map(), 0)).toBe('Nothing to do: every participant has a rank.')
    const ended = new Map<string, Backfilled>([[a, done(1_000)]])
    expect(backfillSummary(ended, 1.5)).toBe('Done: 1,000 participants of 1 campaign ranked in 1.5 s.')
    ended.set(b, { is: 'nothing' }).set(c, { is: 'other-points', rows: 1, rankedWith: 1, points: 2 }).set('campaign-d', done(2, 1))
    expect(backfillSummary(ended, 2)).toBe(
      'Done: 1,003 participants of 2 campaigns ranked in 2 s, and 1 row written for later changes. 1 campaign left to a daemon, see above.',
    )
    expect(backfillTotals(ended)).toEqual({ ranked: 1_003, corrected: 1, done: 2, left: 1 })
    expect(backfillRows(ended)).toEqual([
      { campaign: a, outcome: 'done', rows: 1_000, corrected: 0, whole: false },
      { campaign: b, outcome: 'nothing' },
      { campaign: c, outcome: 'other-points', rows: 1, rankedWith: 1, points: 2 },
      { campaign: 'campaign-d', outcome: 'done', rows: 2, corrected: 1, whole: false },
    ])
  })
})
