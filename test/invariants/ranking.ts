import type { World } from './world.ts'

/** A person's place in the order of a campaign: score, then time of joining, then id. */
export interface Ranked {
  readonly id: string
  readonly originalPosition: number
  readonly createdAt: number
  referrals: number
  active: boolean
}

/** Whether `one` stands before `other` when a referral is worth `points`. Ids compare as PostgreSQL compares uuids: by their bytes. */
export function isBefore(one: Ranked, other: Ranked, points: number): boolean {
  const ahead = scoreOf(one, points) - scoreOf(other, points) || one.createdAt - other.createdAt
  return ahead === 0 ? one.id < other.id : ahead < 0
}

export function scoreOf(person: Ranked, points: number): number {
  return person.originalPosition - person.referrals * points
}

/** The position of `person` among `everybody`, himself included: counted, not sorted. */
export function positionOf(person: Ranked, everybody: Iterable<Ranked>, points: number): number {
  let position = 1
  for (const other of everybody) if (other.active && other !== person && isBefore(other, person, points)) position += 1
  return position
}

/** The positions at the end, by campaign and person; who has left has none. */
export function finalPositions(world: World): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const campaigns = new Map<string, Map<string, Ranked>>()
  for (const { id, campaignId, originalPosition, createdAt, left } of world.people.values()) {
    const people = campaigns.get(campaignId) ?? new Map<string, Ranked>()
    people.set(id, { id, originalPosition, createdAt, referrals: 0, active: left === null })
    campaigns.set(campaignId, people)
  }
  for (const { referrerId } of world.referrals.values()) {
    const referrer = campaigns.get(world.people.get(referrerId)?.campaignId ?? '')?.get(referrerId)
    if (referrer !== undefined) referrer.referrals += 1
  }
  return new Map(
    [...campaigns].map(([campaignId, people]) => {
      const points = world.points.get(campaignId) ?? 1
      const order = [...people.values()].filter(({ active }) => active).sort((one, other) => (isBefore(one, other, points) ? -1 : 1))
      return [campaignId, new Map(order.map(({ id }, index) => [id, index + 1]))]
    }),
  )
}
