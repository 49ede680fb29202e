import { describe, expect, it } from 'vitest'
import { pauseTarget, targetToPause, type TypedTarget } from '../../../../src/admin/pauses/pause-target.ts'
import { OperatorError } from '../../../../src/std/failure.ts'

const group = { name: 'email-workers', id: 'shop.email-workers', topic: 'events', enabled: true }
const others = ['reward-workers', 'position-workers', 'analytics-workers'].map((name) => ({ ...group, name, id: `shop.${name}` }))
const work = new Map([
  [group.name, { channels: ['broadcast', 'email'], types: ['user.signed_up', 'user.verified'] }],
  ['reward-workers', { channels: ['email', 'webhook'], types: ['reward.earned'] }],
  ['position-workers', { channels: ['leaderboard'], types: ['user.verified'] }],
  ['analytics-workers', { channels: [], types: ['user.signed_up'] }],
])
const names = { groups: [group, ...others], work, types: ['user.signed_up', 'user.verified', 'reward.earned'] }
const id = '0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33'

describe('the target of a pause', () => {
  it.each<[TypedTarget, object]>([
    [
      { scope: 'group', target: 'email-workers' },
      { scope: 'group', group: group.id, target: group.id },
    ],
    [
      { scope: 'group', target: group.id },
      { scope: 'group', group: group.id, target: group.id },
    ],
    [
      { scope: 'partition', target: 'email-workers', partition: '07' },
      { scope: 'partition', group: group.id, target: '7' },
    ],
    [
      { scope: 'channel', target: 'email' },
      { scope: 'channel', group: null, target: 'email' },
    ],
    [
      { scope: 'channel', target: 'email', group: 'shop.reward-workers' },
      { scope: 'channel', group: 'shop.reward-workers', target: 'email' },
    ],
    [
      { scope: 'type', target: 'user.signed_up', group: 'email-workers' },
      { scope: 'type', group: group.id, target: 'user.signed_up' },
    ],
    [
      { scope: 'campaign', target: id.toUpperCase() },
      { scope: 'campaign', group: null, target: id },
    ],
    [
      { scope: 'destination', target: id },
      { scope: 'destination', group: null, target: id },
    ],
  ])('%j is %j', (typed, expected) => {
    expect(pauseTarget(typed, names)).toEqual(expected)
    expect(targetToPause(typed, names)).toEqual(expected)
  })

  it.each<[TypedTarget, string]>([
    [{ scope: 'group', target: 'email-worker' }, 'There is no group "email-worker" (did you mean email-workers?): give one of'],
    [
      { scope: 'channel', target: 'emial' },
      'There is no channel "emial" (did you mean email?): give one of broadcast, email, webhook, leaderboard.',
    ],
    [{ scope: 'channel', target: 'pigeon' }, 'There is no channel "pigeon": give one of broadcast, email, webhook, leaderboard.'],
    [{ scope: 'type', target: 'user.signedup' }, 'There is no event type "user.signedup" (did you mean user.signed_up?): give one of'],
    [{ scope: 'type', target: 'user.signed_up', group: 'emails' }, 'There is no group "emails"'],
    [{ scope: 'partition', target: 'email-workers', partition: 'x' }, '"x" is not the number of a partition: give one such as 3'],
    [{ scope: 'campaign', target: 'summer' }, 'campaign must be a UUID'],
  ])('%j is refused: %s', (typed, sentence) => {
    expect(() => pauseTarget(typed, names)).toThrow(sentence)
    expect(() => targetToPause(typed, names)).toThrow(sentence)
  })

  it.each<['channel' | 'type' | 'campaign' | 'destination', string, string, string]>([
    ['channel', 'leaderboard', 'email-workers', 'Group shop.email-workers has no channel leaderboard: give one of broadcast, email.'],
    ['channel', 'email', 'position-workers', 'Group shop.position-workers has no channel email: give leaderboard.'],
    ['channel', 'email', 'analytics-workers', 'Group shop.analytics-workers has no channel email: it has none.'],
    [
      'type',
      'reward.earned',
      'email-workers',
      'Group shop.email-workers does not read reward.earned: give one of user.signed_up, user.verified.',
    ],
    ['type', 'user.signed_up', 'reward-workers', 'Group shop.reward-workers does not read user.signed_up: give reward.earned.'],
    ['type', 'user.signed_up', 'analytics-workers', NOTHING_TO_HOLD],
    ['campaign', id, 'analytics-workers', NOTHING_TO_HOLD],
    ['destination', id, 'analytics-workers', NOTHING_TO_HOLD],
  ])('%s %s of %s is never paused, since it would hold nothing, unless such a pause is to be resumed', (scope, target, named, sentence) => {
    const typed = { scope, target, group: named }
    expect(() => targetToPause(typed, names)).toThrow(new OperatorError(sentence))
    expect(pauseTarget(typed, names)).toEqual({ scope, group: `shop.${named}`, target })
  })
})

const NOTHING_TO_HOLD = 'Group shop.analytics-workers has no intents that this pause could hold: pause the group, which stops its reading.'
