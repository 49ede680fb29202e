import { namedTypes, type Event } from './envelope.ts'
import type { GroupName } from './history.ts'
import type { StoredRecord } from './whole-history.ts'

/** What one group must do with one record. */
export type Duty =
  /** Not its business: no outcome, no dead letter. */
  | { readonly is: 'skip' }
  /** Nobody can read it: a dead letter. */
  | { readonly is: 'give-up' }
  /** An outcome with these effects. */
  | { readonly is: 'accept'; readonly event: Event; readonly effects: readonly Effect[] }

export interface Effect {
  readonly key: string
  /** Requests for the same thing become one, and their rows go when they are done. */
  readonly passing: boolean
  /** Of a mail. */
  readonly mail?: { readonly type: string; readonly userId: string; readonly about: string | null }
}

export const groupNames: readonly GroupName[] = ['email-workers', 'position-workers', 'reward-workers']

const handled: Readonly<Record<GroupName, (type: string) => boolean>> = {
  'email-workers': (type) =>
    type.startsWith('user.') || type.startsWith('campaign.') || type === 'referral.verified' || type === 'reward.earned',
  'position-workers': (type) => type === 'referral.verified',
  'reward-workers': (type) => type === 'reward.earned',
}

/**
 * A type in the headers that the group does not handle is believed unread; of headers that disagree none is. Everything else is read.
 */
export function dutyOf(group: GroupName, record: StoredRecord): Duty {
  const [named, ...others] = namedTypes(record.headers)
  if (named !== undefined && others.every((other) => other === named) && !handled[group](named)) return skip
  if (record.reading.is === 'bad') return { is: 'give-up' }
  if (record.reading.is === 'unknown' || !handled[group](record.reading.event.type)) return skip
  const { event } = record.reading
  return { is: 'accept', event, effects: effectsOf(group, event) }
}

const skip: Duty = { is: 'skip' }

function effectsOf(group: GroupName, event: Event): readonly Effect[] {
  const field = (name: string) => String(event.data[name])
  const mail = (type: string, userId: string, about: string | null = null): Effect => ({
    key: `mail:${event.id}:${type}:${userId}`,
    passing: false,
    mail: { type, userId, about },
  })
  if (group === 'position-workers') return [{ key: `recalculate:${event.campaignId}`, passing: true }]
  if (group === 'reward-workers') return [{ key: `reward:${field('user_reward_id')}`, passing: false }]
  switch (event.type) {
    case 'user.signed_up':
      return [mail('welcome', field('user_id'))]
    case 'user.verified':
      return [mail('verification', field('user_id'))]
    case 'referral.verified':
      return [mail('position_update', field('referrer_id'), field('referral_id'))]
    case 'reward.earned':
      return [mail('reward_earned', field('user_id'), field('user_reward_id'))]
    default:
      return [{ key: `broadcast:${event.id}`, passing: false }]
  }
}
