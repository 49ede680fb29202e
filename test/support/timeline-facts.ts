import type { Pause } from '../../src/model/pause.ts'
import { nothingOnRecord, type IntentFact, type TimelineFacts } from '../../src/admin/timeline/timeline-facts.ts'

/** The moment of every time in these facts. */
export const NOW = Date.UTC(2026, 0, 31, 12)
export const before = (minutes: number) => new Date(NOW - minutes * 60_000)
export const USER = 'b1f6f0de-6a1c-4f8e-9d61-3f6f0a7c4d55'
export const settings = {
  now: NOW,
  groups: new Map([
    ['email-workers', 'stage.email-workers'],
    ['reward-workers', 'stage.reward-workers'],
  ]),
  readersOf: (type: string) => [
    'stage.email-workers',
    ...(type === 'reward.earned' ? ['stage.reward-workers'] : ['stage.position-workers']),
  ],
  dedupeDays: 30,
}

/** A pause that an operator set an hour ago, until it is resumed. */
export const pauseFact = (scope: Pause['scope'], target: string, group: string | null = null): Pause => ({
  id: '12',
  scope,
  target,
  group,
  owner: 'ops',
  because: 'relay move',
  since: before(60),
  until: null,
})

/** A welcome mail that is pending and due, but for what is named. */
export function intentFact(change: Partial<IntentFact> = {}): IntentFact {
  return {
    id: '4711',
    group: 'stage.email-workers',
    kind: 'mail',
    channel: 'email',
    state: 'pending',
    reason: null,
    type: 'welcome',
    userId: USER,
    userRewardId: null,
    rewardId: null,
    campaignId: '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33',
    eventId: '550e8400-e29b-41d4-a716-446655440000',
    destination: null,
    attempt: 0,
    claims: 0,
    coalesce: false,
    messageId: null,
    createdAt: before(10),
    dueAt: before(5),
    finishedAt: null,
    away: null,
    class: 'live',
    detail: null,
    eventAt: before(11),
    waitingSince: null,
    ...change,
  }
}

/** A participant of whom nothing else is on record, but for what is named. */
export function timelineFacts(change: Partial<TimelineFacts> = {}): TimelineFacts {
  return {
    ...nothingOnRecord,
    subject: { of: 'user', id: USER },
    person: {
      userId: USER,
      email: 'guest@example.com',
      status: 'verified',
      deleted: false,
      joinedAt: before(60),
      verifiedAt: before(50),
      consent: true,
      campaignId: '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33',
      campaignStatus: 'active',
      accountId: '7c1f0f3e-64a0-4c1f-9d0b-2d1f2a4b5c6d',
      accountStatus: 'active',
    },
    ...change,
  }
}
