import { describe, expect, it } from 'vitest'
import type { IntentState } from '../../../../src/model/intent.ts'
import type { Foreseen } from '../../../../src/admin/replay/foresee.ts'
import type { IntentChange, IntentFilter, StateCount } from '../../../../src/admin/intents/intent-admin.ts'
import { before, intentFact, pauseFact } from '../../../support/timeline-facts.ts'
import { intentStates } from '../../../../src/admin/intents/intent-filter.ts'
import {
  isPlanned,
  planIntents,
  planSentences,
  previewSentences,
  requireEveryId,
  unsentOf,
  waitingOf,
} from '../../../../src/admin/intents/intent-plan.ts'

const all: IntentFilter = {
  ids: [],
  states: [],
  reasons: [],
  groups: [],
  kinds: [],
  destinations: [],
  campaignId: null,
  accountId: null,
  userId: null,
  eventId: null,
}
const counted = (state: IntentState, count: number, more: Partial<StateCount> = {}): StateCount => ({
  state,
  count,
  coalesce: false,
  forgotten: false,
  ...more,
})
const one = intentStates.map((state) => counted(state, 1))

describe('the plan of a verb', () => {
  it.each<[IntentChange, readonly IntentState[]]>([
    ['retry', ['ambiguous', 'held', 'skipped', 'dead', 'rejected', 'cancelled']],
    ['hurry', ['pending']],
    ['cancel', ['pending', 'ambiguous', 'held']],
    ['mark-sent', ['held']],
  ])('%s takes what it may and leaves the rest alone', (change, taken) => {
    const plan = planIntents(change, all, one, 100)
    expect(plan.states.map(({ state }) => state)).toEqual(taken)
    expect(plan.count).toBe(taken.length)
    expect(plan.filter.states.toSorted()).toEqual(taken.toSorted())
    expect(plan.left).toHaveLength(intentStates.length - taken.length)
  })

  it('never takes what a worker has in hand', () => {
    for (const change of ['retry', 'cancel', 'mark-sent'] as const) {
      const { count, left } = planIntents(change, all, [counted('claimed', 2), counted('handing_over', 1)], 100)
      expect(count).toBe(0)
      expect(left).toEqual(['2 are claimed, held by a worker (try again later)', '1 is handing_over, held by a worker (try again later)'])
    }
  })

  it('takes no more than requested, and keeps to the requested states', () => {
    const filter = { ...all, states: ['dead', 'sent'] as const }
    const plan = planIntents('retry', filter, [counted('dead', 5), counted('sent', 2)], 5)
    expect(plan.filter.states).toEqual(['dead'])
    expect(() => planIntents('retry', filter, [counted('dead', 6)], 5)).toThrow('6 intents match, more than --limit 5')
  })

  it('never makes a forgotten intent again, and finds it all the same among those of its state', () => {
    const plan = planIntents('retry', all, [counted('dead', 2), counted('dead', 3, { forgotten: true })], 100)
    expect(plan).toMatchObject({ count: 2, found: 5, left: ['3 are forgotten: erased intents cannot be retried'] })
    expect(isPlanned(plan, { reason: 'forgotten', coalesce: false })).toBe(false)
    expect(isPlanned(plan, { reason: 'no-endpoint', coalesce: false })).toBe(true)
  })

  it('refuses ids that are missing or in another state, all or none', () => {
    const named = { ...all, ids: ['1', '2'] }
    expect(() => requireEveryId(['1', '77', '78'], [{ id: '1' }])).toThrow('No intent that matches has the id 77, 78: ')
    expect(() => requireEveryId(['1'], [{ id: '1' }])).not.toThrow()
    expect(() => planIntents('cancel', named, [counted('pending', 1), counted('sent', 1)], 100)).toThrow(
      'Not all of these can be changed: 1 is sent. Nothing was changed.',
    )
    expect(() => planIntents('retry', named, [counted('pending', 1), counted('dead', 1)], 100)).toThrow(
      'Not all of these can be changed: 1 is pending (--now makes it due at once). Nothing was changed.',
    )
    expect(planIntents('cancel', named, [counted('pending', 2)], 100).count).toBe(2)
  })
})

describe('the words of a plan', () => {
  it('say how many, of which states, and what doubt means', () => {
    expect(planSentences(planIntents('retry', all, [counted('dead', 2), counted('held', 1)], 100))).toEqual([
      '3 intents will be retried: 2 dead, 1 held.',
      'Mails in doubt may have been sent already; a second copy has the same bytes and Message-ID.',
    ])
    expect(planSentences(planIntents('cancel', all, [counted('pending', 1)], 100))).toEqual(['1 intent will be cancelled: 1 pending.'])
    expect(planSentences(planIntents('mark-sent', all, [counted('dead', 1)], 100))).toEqual([
      'Nothing that matches can be marked as sent.',
      'Left alone: 1 is dead, and only held ones can be marked as sent.',
    ])
  })
})

const foreseen = (as: Foreseen['as'], reason: string | null): Foreseen => ({
  label: 'mail welcome',
  as,
  reason,
  userId: 'one',
  channel: 'email',
  mails: null,
  subject: as === 'send' ? 'Hello' : null,
})

describe('what would not be sent', () => {
  const all = [
    foreseen('send', null),
    foreseen('skip', 'person-blocked'),
    foreseen('skip', 'person-blocked'),
    foreseen('dead', 'no-address'),
    foreseen('wait', 'campaign-paused'),
  ]

  it.each(['retry', 'hurry'] as const)('by %s is counted by kind and reason', (change) => {
    expect(previewSentences([], unsentOf(change, all))).toEqual([
      'Of these, 1 mail welcome would be dead at once as no-address.',
      'Of these, 2 mail welcome would be skipped as person-blocked.',
      'Of these, 1 mail welcome to 1 person would wait (campaign-paused), and then be sent or skipped.',
    ])
  })

  it.each(['cancel', 'mark-sent'] as const)('is nothing of %s, which makes nothing due', (change) => {
    expect(unsentOf(change, all)).toEqual([])
  })
})

describe('what waits all the same', () => {
  const [paused, away] = [pauseFact('channel', 'email'), { destination: 'endpoint 7', sole: false, names: { destination: 'endpoint', deliveries: 'webhooks' }, reason: null, since: before(30).toISOString(), host: null }] // prettier-ignore
  const seen = [intentFact(), intentFact({ id: '2' }), intentFact({ channel: 'webhook', away }), intentFact({ channel: 'webhook' })]

  it('is counted by its cause', () => {
    const [mails, webhooks] = waitingOf('hurry', seen, [paused])
    expect(mails).toEqual({
      count: 2,
      because:
        'The email channel is paused by ops (relay move) until it is resumed; workerctl resume channel email --owner NAME ends the pause.',
    })
    expect(webhooks).toMatchObject({
      count: 1,
      because: expect.stringMatching(/^Endpoint endpoint 7 accepts no webhooks, its breaker is open/),
    })
    expect(previewSentences([], [], waitingOf('retry', seen.slice(0, 1), [paused]))).toEqual([
      `Of these, 1 waits for now. ${mails?.because}`,
    ])
    expect(waitingOf('hurry', seen, [])).toHaveLength(1)
    expect(waitingOf('cancel', seen, [paused])).toEqual([])
  })
})
