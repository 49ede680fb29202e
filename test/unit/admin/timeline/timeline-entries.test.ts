import { expect, it } from 'vitest'
import { timelineEntries } from '../../../../src/admin/timeline/timeline-entries.ts'
import { before, intentFact, settings, timelineFacts, USER } from '../../../support/timeline-facts.ts'

const intent = intentFact({ state: 'sent', finishedAt: before(5), messageId: '<a@example.com>' })
const eventId = intent.eventId ?? ''
const facts = timelineFacts({
  intents: [intent],
  suppressions: [{ reason: 'unsubscribed', at: before(2) }],
  expected: [
    { isForeign: false, type: 'user.signed_up', eventId, contentHash: 'aa', at: before(60) },
    { isForeign: false, type: 'user.verified', eventId: '7a4b1d0e-52c7-4f0a-9a53-0a6d2f6b8c11', contentHash: 'bb', at: before(50) },
  ],
  outcomes: [
    {
      group: 'stage.email-workers',
      eventId,
      type: 'user.signed_up',
      contentHash: 'aa',
      outcome: 'accepted',
      partition: 2,
      offset: '9',
      at: before(10),
    },
  ],
  deadLetters: [
    {
      group: 'stage.reward-workers',
      eventId,
      type: 'reward.earned',
      reason: 'consumer-error',
      state: 'open',
      topic: 't',
      partition: 1,
      offset: '3',
      at: before(9),
    },
  ],
  mails: [
    {
      id: 'a mail',
      intentId: '4711',
      type: 'welcome',
      status: 'sent',
      recipient: 'guest@example.com',
      messageId: '<a@example.com>',
      error: null,
      at: before(6),
    },
  ],
  deliveries: [
    { intentId: '4712', status: 'failed', responseStatus: 500, attempt: 2, nextRetryAt: before(-5), error: 'It broke.', at: before(4) },
  ],
  rewards: [
    {
      id: '3f1c2a90-6f0e-4f5b-8a37-52a4f4d0c7b1',
      status: 'delivered',
      userId: USER,
      deliveryMethod: 'email',
      attempts: 1,
      error: null,
      deliveredAt: before(3),
      expiresAt: null,
      earnedAt: before(40),
      createdAt: before(45),
    },
  ],
  movements: [{ userId: USER, at: before(1), fromPosition: 9, toPosition: 4, fromScore: '10', toScore: '5' }],
})

it('everything on record stands in order of time, with its state, reason and id', () => {
  const entries = timelineEntries(facts, settings, false)
  expect(entries.map(({ what, text }) => `${what}: ${text.slice(0, 60)}`)).toEqual([
    'person: g***@example.com joined campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0',
    'event: user.signed_up',
    'person: verified the address',
    'event: user.verified',
    'missing: user.verified is not on record in stage.email-workers: no ve',
    'reward: earned, to be delivered by email; 1 attempts so far',
    'outcome: stage.email-workers read user.signed_up from partition 2, of',
    'dead-letter: the event reward.earned is a dead letter of stage.reward-wor',
    'mail: welcome to g***@example.com as <a@example.com>',
    'intent: The welcome mail was accepted by the relay 5 min ago as <a@e',
    'webhook: attempt 2, answered 500, next attempt at 2026-01-31T12:05:00',
    'reward: delivered',
    'suppression: the address is suppressed: unsubscribed',
    'position: position 9 to 4, score 10 to 5',
  ])
  expect(entries.map(({ at }) => at.getTime())).toEqual(entries.map(({ at }) => at.getTime()).toSorted((one, other) => one - other))
  expect(entries.find(({ what }) => what === 'intent')).toMatchObject({ state: 'sent', reason: null, id: '4711' })
})

/** All that is shown. */
const text = (reveal: boolean) => JSON.stringify(timelineEntries(facts, settings, reveal))

it('addresses are shown only where they are wanted', () => {
  expect(text(false)).not.toContain('guest@example.com')
  expect(text(true)).toContain('welcome to guest@example.com')
})

it('an event stands in it once, under the id on record', () => {
  const other = '9d61b1f6-6a1c-4f8e-9d61-3f6f0a7c4d55'
  const outcomes = facts.outcomes.map((outcome) => ({ ...outcome, eventId: other }))
  const entries = timelineEntries({ ...facts, outcomes, intents: [{ ...intent, eventId: other }] }, settings, false)
  expect(entries.filter(({ what, text }) => what === 'event' && text === 'user.signed_up').map(({ id }) => id)).toEqual([other])
})
