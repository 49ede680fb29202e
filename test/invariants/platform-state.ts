import type { EntryOf } from './history.ts'

/** A person after all changes. Times are those of the change: `from` before its BEGIN, `at` after its COMMIT. */
export interface Person {
  readonly id: string
  readonly campaignId: string
  readonly email: string
  readonly originalPosition: number
  readonly createdAt: number
  readonly consent: boolean
  readonly joined: Span
  verified: (Span & { readonly verifiedAt: number }) | null
  left: Span | null
}

export interface Span {
  readonly from: number
  readonly at: number
}

export interface Grant {
  readonly id: string
  readonly userId: string
  readonly rewardId: string
  readonly granted: Span
  revoked: Span | null
}

/** The platform's state as far as promises depend on it, rebuilt from seed data and changes. A repeated change counts once. */
export interface PlatformState {
  readonly points: ReadonlyMap<string, number>
  readonly people: ReadonlyMap<string, Person>
  /** Confirmed referrals by id. */
  readonly referrals: ReadonlyMap<string, { readonly referrerId: string; readonly confirmed: Span }>
  readonly grants: ReadonlyMap<string, Grant>
  readonly rewards: ReadonlyMap<string, EntryOf<'seed-data'>['rewards'][number]>
}

/** @throws when a change names a person or a grant that no earlier change created */
export function platformStateOf(setting: EntryOf<'seed-data'>, changes: readonly EntryOf<'change'>[]): PlatformState {
  const points = new Map(setting.campaigns.map((campaign) => [campaign.id, campaign.points]))
  const people = new Map<string, Person>()
  const referrals = new Map<string, { referrerId: string; confirmed: Span }>()
  const grants = new Map<string, Grant>()
  for (const { change, from, at } of changes) {
    const span = { from, at }
    switch (change.is) {
      case 'join': {
        if (people.has(change.userId)) break
        const { userId: id, campaignId, email, originalPosition, createdAt, consent, verifiedAt } = change
        const verified = verifiedAt === null ? null : { ...span, verifiedAt }
        people.set(id, { id, campaignId, email, originalPosition, createdAt, consent, joined: span, verified, left: null })
        break
      }
      case 'verify':
        known(people, change.userId).verified ??= { ...span, verifiedAt: change.verifiedAt }
        break
      case 'leave':
        known(people, change.userId).left ??= span
        break
      case 'confirm':
        known(people, change.referrerId)
        if (!referrals.has(change.referralId)) referrals.set(change.referralId, { referrerId: change.referrerId, confirmed: span })
        break
      case 'points':
        points.set(change.campaignId, change.points)
        break
      case 'grant': {
        const { userRewardId: id, userId, rewardId } = change
        if (!grants.has(id)) grants.set(id, { id, userId, rewardId, granted: span, revoked: null })
        break
      }
      case 'revoke':
        known(grants, change.userRewardId).revoked ??= span
        break
    }
  }
  return { points, people, referrals, grants, rewards: new Map(setting.rewards.map((reward) => [reward.id, reward])) }
}

function known<Value>(all: ReadonlyMap<string, Value>, id: string): Value {
  const value = all.get(id)
  if (value === undefined) throw new Error(`A change names ${id}, which no earlier change created.`)
  return value
}
