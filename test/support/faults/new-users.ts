import { createActors, type Member } from '../../../cmd/demo/actors.ts'
import type { Campaign, Reward } from '../../../cmd/demo/seed-data.ts'
import type { Publication, Step, Write } from '../../../cmd/demo/step.ts'
import type { FaultFixture } from './fault-fixture.ts'

/** A user who joins a campaign of a fault fixture when the scenario decides. */
export type NewUser = Member

/** For a campaign without traffic, because both number its positions from 1. */
export function newUsersOf({
  seedData,
  random,
}: Pick<FaultFixture, 'seedData' | 'random'>): (campaign: Campaign, count: number) => readonly NewUser[] {
  const [first] = seedData
  if (first === undefined) throw new Error('A fault fixture has a simulation.')
  const actors = createActors(first, random)
  return (campaign, count) => Array.from({ length: count }, () => actors.join({ campaign }))
}

/** Rows without an event, as an import writes them, or a platform that publishes later. */
export function withoutEvent(...writes: readonly Write[]): Step {
  return { writes, publications: [], timing: 'usual' }
}

/** The row of a new user. */
export function joinRow({ person }: NewUser): Write {
  return { is: 'join', person }
}

/** The sign-up event of a user whose row exists. */
export function signUpEvent({ campaign, person }: NewUser): Step {
  return eventStep({ type: 'user.signed_up', ...about(campaign), userId: person.id, email: person.email })
}

/** The row and the event of a sign-up. */
export function signUp(user: NewUser): Step {
  return { ...signUpEvent(user), writes: [joinRow(user)] }
}

/** A reward for a user, with its event. */
export function earnReward({ campaign, person }: NewUser, { id: rewardId }: Reward, grantId: string): Step {
  const grant = { id: grantId, campaignId: campaign.id, personId: person.id, rewardId }
  const event = { type: 'reward.earned', ...about(campaign), userRewardId: grantId, userId: person.id, rewardId } as const
  return { ...eventStep(event), writes: [{ is: 'grant', grant }] }
}

function eventStep(event: Extract<Publication, { is: 'event' }>['event']): Step {
  return { writes: [], publications: [{ is: 'event', event }], timing: 'usual' }
}

function about({ accountId, id: campaignId }: Campaign) {
  return { accountId, campaignId }
}
