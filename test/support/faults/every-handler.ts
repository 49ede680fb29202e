import type { Campaign, SeedData } from '../../../cmd/demo/seed-data.ts'
import type { Person, Publication, Step, Write } from '../../../cmd/demo/step.ts'
import { handles } from '../../invariants/expected-effects.ts'
import type { FaultFixture } from './fault-fixture.ts'
import { groupPromises } from './group-promises.ts'

/** One thing for every handler to do, and what has to be there before. */
export interface EveryHandler {
  /** Rows without events. */
  readonly before: readonly Step[]
  /**
   * Welcome, verification, position and reward mails, a recalculation, a reward by mail and one by webhook in the campaign `live`; a
   * milestone in `reached` and one in `reachedLater`, each with one person to be written to.
   */
  readonly steps: readonly Step[]
  readonly live: Campaign
  readonly reached: Campaign
  readonly reachedLater: Campaign
}

/** The types of mail that the group `email-workers` sends for it, by how many; `reachedLater` has one milestone mail more. */
export const mailsOfEveryHandler = { milestone: 1, position_update: 1, reward_earned: 2, verification: 1, welcome: 1 } as const

const events = {
  'campaign.milestone_reached': 2,
  'referral.verified': 1,
  'reward.earned': 2,
  'user.signed_up': 1,
  'user.verified': 1,
} as const

/** How many of its events the group handles, by their types. */
export function eventsOfEveryHandler(group: string): Readonly<Record<string, number>> {
  const [judged] = groupPromises([group], '')
  return Object.fromEntries(Object.entries(events).filter(([type]) => judged !== undefined && handles(judged, type)))
}

export function everyHandler({ seedData, random }: Pick<FaultFixture, 'seedData' | 'random'>): EveryHandler {
  const [setting] = seedData
  const [live, reached, reachedLater] = setting?.campaigns ?? []
  if (!setting || !live || !reached || !reachedLater) throw new Error('A scenario has four campaigns.')
  const person = (campaign: Campaign, place: number, referredById: string | null = null): Person => ({
    id: random.uuid(),
    campaignId: campaign.id,
    email: `guest-${place}@${campaign.slug}.example.org`,
    firstName: `Guest ${place}`,
    lastName: campaign.name,
    originalPosition: place,
    joinedAt: place,
    referralCode: `${campaign.slug}-${place}`,
    referredById,
    consent: true,
  })
  const referrer = person(live, 1)
  const referred = person(live, 2, referrer.id)
  const unverified = person(live, 3)
  const deserving = person(live, 4)
  const newcomer = person(live, 5)
  const audience = [person(reached, 1), person(reachedLater, 1)]
  const referral = { id: random.uuid(), campaignId: live.id, referrerId: referrer.id, referredId: referred.id }

  const signUp = (newcomer: Person): Step =>
    step([join(newcomer)], { is: 'event', event: { type: 'user.signed_up', ...subject(live, newcomer) } })
  const earn = (method: 'email' | 'webhook'): Step => {
    const { id: rewardId } = rewardBy(method, setting, live)
    const grant = { id: random.uuid(), campaignId: live.id, personId: deserving.id, rewardId }
    const event = { type: 'reward.earned', ...about(live), userRewardId: grant.id, userId: grant.personId, rewardId } as const
    return step([{ is: 'grant', grant }], { is: 'event', event })
  }
  const verified = {
    type: 'referral.verified',
    ...about(live),
    referralId: referral.id,
    referrerId: referrer.id,
    referredId: referred.id,
    pointsPerReferral: live.points ?? 1,
  } as const
  return {
    before: [
      step([...[referrer, referred, unverified, deserving, ...audience].map(join), { is: 'refer', referral }]),
      step([deserving, ...audience].map(verify)),
    ],
    steps: [
      signUp(newcomer),
      step([verify(unverified)], { is: 'event', event: { type: 'user.verified', ...subject(live, unverified) } }),
      step([verify(referred), { is: 'confirm', referral }], { is: 'event', event: verified }),
      earn('email'),
      earn('webhook'),
      milestone(reached),
      milestone(reachedLater),
    ],
    live,
    reached,
    reachedLater,
  }
}

function join(person: Person): Write {
  return { is: 'join', person }
}

function verify({ id: personId }: Person): Write {
  return { is: 'verify', personId }
}

function milestone(campaign: Campaign): Step {
  const event = { type: 'campaign.milestone_reached', ...about(campaign), milestone: '1_participants', participantCount: 1 } as const
  return { ...step([], { is: 'event', event }), timing: 'alone' }
}

function rewardBy(method: 'email' | 'webhook', { rewards, endpoints }: SeedData, campaign: Campaign) {
  const found = rewards.find(
    (reward) =>
      reward.campaignId === campaign.id &&
      reward.method === method &&
      (reward.path === null || endpoints.some(({ path, decoy }) => path === reward.path && !decoy)),
  )
  if (found === undefined) throw new Error(`The campaign has no reward by ${method}.`)
  return found
}

function step(writes: readonly Write[], ...publications: readonly Publication[]): Step {
  return { writes, publications, timing: 'usual' }
}

function about({ accountId, id: campaignId }: Campaign) {
  return { accountId, campaignId }
}

function subject(campaign: Campaign, { id: userId, email }: Person) {
  return { ...about(campaign), userId, email }
}
