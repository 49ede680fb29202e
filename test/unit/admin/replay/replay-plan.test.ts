import { describe, expect, it } from 'vitest'
import type { Foreseen } from '../../../../src/admin/replay/foresee.ts'
import { PlanTally, planSentences, withoutSubjects } from '../../../../src/admin/replay/replay-plan.ts'
import { requireConfirmed, replayFilter } from '../../../../src/admin/replay/replay-request.ts'
import { sumCounts } from '../../../../src/model/replay.ts'
import { nextRelease } from '../../../../src/model/replay-ramp.ts'

function foreseen(change: Partial<Foreseen> = {}): Foreseen {
  return { label: 'mail welcome', as: 'send', reason: null, userId: 'u1', channel: 'email', mails: null, subject: null, ...change }
}

const tallyOf = () => new PlanTally((channel) => channel === 'email')

describe('the plan of a replay', () => {
  it('counts as effects what is sent or waits to be, mails of broadcasts in place of the broadcast, and projected events', () => {
    const tally = tallyOf()
    tally.add([{ what: 'projected', of: 'user.signed_up', as: null, count: 3 }], [foreseen(), foreseen({ as: 'skip', reason: 'stale' })])
    tally.add(
      [],
      [
        foreseen({ as: 'wait', reason: 'awaiting-row', userId: 'u2' }),
        foreseen({ label: 'milestone-broadcast', userId: null, channel: 'broadcast', mails: 40 }),
        foreseen({ label: 'reward', channel: 'webhook', userId: 'u3', as: 'dead', reason: 'no-endpoint' }),
      ],
    )
    expect(tally.plan()).toMatchObject({ effects: 3 + 1 + 1 + 40, people: 2 })
  })

  it('says in words what would happen, and counts people once', () => {
    const tally = tallyOf()
    tally.add(
      [
        { what: 'event', of: 'user.signed_up', as: 'repeated', count: 2 },
        { what: 'spent', of: 'mail welcome', as: 'sent', count: 1 },
        { what: 'capped', of: 'mail welcome', as: null, count: 1 },
        { what: 'failed', of: 'unknown', as: 'not-json', count: 1 },
      ],
      [foreseen(), foreseen()],
    )
    expect(planSentences('mailers', [{ partition: 0, from: 0n, to: 1n, next: 0n }], tally.plan())).toEqual([
      'Replaying 1 record of 1 partition for mailers would have 2 effects, with mails to 1 person.',
      '2 events user.signed_up: 2 repeated.',
      '2 mail welcome to 1 person would be sent.',
      '1 of mail welcome would be left alone: already sent.',
      '1 of mail welcome would be skipped as replay-cap: the person has had enough mails of replays.',
      '1 record of an unknown type would fail as not-json.',
    ])
  })

  it('names the most frequent subjects with their counts and masks addresses in them; none is stored', () => {
    const tally = tallyOf()
    const subjects = ['Hi Ada', 'Hi Ada', 'For ada@example.com', 'b', 'c', 'd', 'e', 'f']
    tally.add([], [...subjects.map((subject) => foreseen({ subject })), foreseen({ as: 'skip', reason: 'stale' })])
    const plan = tally.plan()
    expect(planSentences('mailers', [], plan)[1]).toBe(
      '8 mail welcome to 1 person would be sent: "Hi Ada" (2), "For a***@example.com" (1), "b" (1), "c" (1), "d" (1), and 2 with other subjects.',
    )
    expect(JSON.stringify(withoutSubjects(plan))).not.toContain('Ada')
  })

  it('is run when its number of effects is confirmed, and refused with the number when it is another', () => {
    const plans = [
      { effects: 12, counts: [] },
      { effects: 0, counts: [] },
    ]
    expect(() => requireConfirmed(plans, 12)).not.toThrow()
    expect(() => requireConfirmed(plans, 11)).toThrow('would have 12 effects now, not the 11 that you confirm')
  })

  it.each([0, 5])('is refused with --confirm %i when it has neither effects nor recalculations', (confirmed) => {
    const nothing = { effects: 0, counts: [] }
    expect(() => requireConfirmed([nothing, nothing], confirmed)).toThrow('Nothing was started: there is nothing to do')
    const recalculates = { effects: 0, counts: [{ what: 'recalculation', of: 'campaign', as: null, count: 1 }] } as const
    expect(() => requireConfirmed([nothing, recalculates], 0)).not.toThrow()
  })

  it('refuses types and ids that do not exist, and lists without an element', () => {
    expect(replayFilter({ type: 'user.signed_up, user.verified' })).toMatchObject({ types: ['user.signed_up', 'user.verified'] })
    expect(() => replayFilter({ type: 'user.signedup' })).toThrow('There is no event type "user.signedup"')
    expect(() => replayFilter({ campaign: 'abc' })).toThrow('--campaign')
    expect(() => replayFilter({ event: ' , ' })).toThrow('--event is empty')
  })
})

describe('counts of replays', () => {
  it('are summed by what, of and as, in one order', () => {
    const one = { what: 'new', of: 'mail welcome', as: null, count: 1 } as const
    expect(sumCounts([one, { ...one, of: 'mail a' }], [one])).toEqual([
      { ...one, of: 'mail a' },
      { ...one, count: 2 },
    ])
  })
})

/** How many are released in a second, and for how many seconds. */
const released = (rate: number) => {
  const steps: number[] = []
  for (let sum = 0; steps.length < 35; sum += steps.at(-1) ?? 0) steps.push(nextRelease(sum, rate))
  return [...new Set(steps)].map((step) => [step, steps.filter((one) => one === step).length])
}

describe('the ramp of a replay', () => {
  it('releases one, ten and a hundred a second for ten seconds each, and then its own rate', () => {
    expect(released(500)).toEqual([
      [1, 10],
      [10, 10],
      [100, 10],
      [500, 5],
    ])
    expect(released(5)).toEqual([
      [1, 10],
      [5, 25],
    ])
  })
})
