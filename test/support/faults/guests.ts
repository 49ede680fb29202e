import { createActors, type Member } from '../../../cmd/demo/actors.ts'
import type { Campaign, Reward } from '../../../cmd/demo/seed-data.ts'
import type { Publication, Step, Write } from '../../../cmd/demo/step.ts'
import type { FaultScene } from './fault-scene.ts'

/** Somebody who joins a campaign of a fault scene when a scenario says so. */
export type Guest = Member

/** One after the other; for a campaign in which no traffic plays: both count its places from 1. */
export function guestsOf({
  settings,
  random,
}: Pick<FaultScene, 'settings' | 'random'>): (campaign: Campaign, count: number) => readonly Guest[] {
  const [setting] = settings
  if (setting === undefined) throw new Error('A fault scene has a story.')
  const cast = createActors(setting, random)
  return (campaign, count) => Array.from({ length: count }, () => cast.join({ campaign }))
}

/** Rows without an event: as an import writes them, or a platform that publishes later. */
export function quietly(...writes: readonly Write[]): Step {
  return { writes, publications: [], timing: 'usual' }
}

/** The row of one who joins. */
export function joining({ person }: Guest): Write {
  return { is: 'join', person }
}

/** The event of one who has joined. */
export function toldOf({ campaign, person }: Guest): Step {
  return told({ type: 'user.signed_up', ...about(campaign), userId: person.id, email: person.email })
}

/** Joins, and the event tells of it. */
export function signUp(guest: Guest): Step {
  return { ...toldOf(guest), writes: [joining(guest)] }
}

/** One who has joined gets a reward, and the event tells of it. */
export function earn({ campaign, person }: Guest, { id: rewardId }: Reward, grantId: string): Step {
  const grant = { id: grantId, campaignId: campaign.id, personId: person.id, rewardId }
  const event = { type: 'reward.earned', ...about(campaign), userRewardId: grantId, userId: person.id, rewardId } as const
  return { ...told(event), writes: [{ is: 'grant', grant }] }
}

function told(event: Extract<Publication, { is: 'event' }>['event']): Step {
  return { writes: [], publications: [{ is: 'event', event }], timing: 'usual' }
}

function about({ accountId, id: campaignId }: Campaign) {
  return { accountId, campaignId }
}
