import { listedConsumers } from '../../../src/consumers/registry.ts'
import { isProjecting, kindsOf, type Consumer } from '../../../src/model/consumer.ts'
import type { Group } from '../../invariants/history.ts'

/**
 * What the groups of a fixture promise to the checker. Names come from the registry; the effects of each event are described here by
 * hand, so that the checker shares no calculation with the program. A group that is not described is checked by its outcomes.
 *
 * @throws when a group is not registered
 */
export function groupPromises(names: readonly string[], prefix: string): readonly Group[] {
  return names.map((name) => {
    const consumer = listedConsumers.find((listed) => listed.name === name)
    if (consumer === undefined) throw new Error(`There is no group ${name}.`)
    const description = descriptions[name] ?? { types: consumer.types, needs: needsOf(consumer) }
    return { name, id: prefix + name, projects: isProjecting(consumer), ...description }
  })
}

type Description = Omit<Group, 'name' | 'id' | 'projects'>

/** `Partial`: a group that is registered may be missing here. */
const descriptions: Readonly<Partial<Record<string, Description>>> = {
  'email-workers': {
    types: ['user.*', 'referral.verified', 'reward.earned', 'campaign.*'],
    needs: ['relay'],
    effects: {
      'user.signed_up': [mail('welcome', 'user_id')],
      'user.verified': [mail('verification', 'user_id')],
      'referral.verified': [{ ...mail('position_update', 'referrer_id'), about: 'referral_id' }],
      'reward.earned': [{ ...mail('reward_earned', 'user_id'), about: 'user_reward_id' }],
      'campaign.milestone_reached': [{ is: 'broadcast', key: 'broadcast:{id}' }],
    },
    writes: { 'campaign.milestone_reached': ['milestone'] },
  },
  'position-workers': {
    types: ['referral.verified'],
    needs: [],
    effects: { 'referral.verified': [{ is: 'coalesced', key: 'recalculate:{campaign_id}' }] },
    writes: {},
  },
  'reward-workers': {
    types: ['reward.earned'],
    needs: ['relay', 'webhook'],
    effects: { 'reward.earned': [{ is: 'reward', key: 'reward:{user_reward_id}' }] },
    writes: {},
  },
  'analytics-workers': {
    types: ['user.*', 'referral.*', 'reward.*', 'campaign.*'],
    needs: [],
    effects: {},
    counts: [{ name: 'analytics.event_counts', by: ['campaign_id', 'type', 'day'] }],
    writes: {},
  },
}

function mail(type: string, to: string) {
  return { is: 'mail', key: `mail:{id}:${type}:{${to}}`, type, to } as const
}

function needsOf(consumer: Consumer): Group['needs'] {
  const uses = (channel: string) => kindsOf(consumer).some((kind) => kind.channel === channel)
  return [...(uses('email') || uses('broadcast') ? (['relay'] as const) : []), ...(uses('webhook') ? (['webhook'] as const) : [])]
}
