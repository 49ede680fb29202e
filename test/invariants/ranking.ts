import type { PlatformState } from './platform-state.ts'

/** What ranks a person within a campaign: score, then time of joining, then id. */
export interface Ranked {
  readonly id: string
  readonly originalPosition: number
  readonly createdAt: number
  referrals: number
  active: boolean
}

/** Whether `one` ranks before `other` when a referral is worth `points`. Ids compare as PostgreSQL compares uuids: by their bytes. */
export function isBefore(one: Ranked, other: Ranked, points: number): boolean {
  const ahead = scoreOf(one, points) - scoreOf(other, points) || one.createdAt - other.createdAt
  return ahead === 0 ? one.id < other.id : ahead < 0
}

export function scoreOf(person: Ranked, points: number): number {
  return person.originalPosition - person.referrals * points
}

/** The position of `person` among `everybody`: counted, not sorted. */
export function positionOf(person: Ranked, everybody: Iterable<Ranked>, points: number): number {
  let position = 1
  for (const other of everybody) if (other.active && other !== person && isBefore(other, person, points)) position += 1
  return position
}

/** The final positions by campaign and person; people who left have none. */
export function finalPositions(platform: PlatformState): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const campaigns = new Map<string, Map<string, Ranked>>()
  for (const { id, campaignId, originalPosition, createdAt, left } of platform.people.values()) {
    const people = campaigns.get(campaignId) ?? new Map<string, Ranked>()
    people.set(id, { id, originalPosition, createdAt, referrals: 0, active: left === null })
    campaigns.set(campaignId, people)
  }
  for (const { referrerId } of platform.referrals.values()) {
    const referrer = campaigns.get(platform.people.get(referrerId)?.campaignId ?? '')?.get(referrerId)
    if (referrer !== undefined) referrer.referrals += 1
  }
  return new Map(
    [...campaigns].map(([campaignId, people]) => {
      const points = platform.points.get(campaignId) ?? 1
      const order = [...people.values()].filter(({ active }) => active).sort((one, other) => (isBefore(one, other, points) ? -1 : 1))
      return [campaignId, new Map(order.map(({ id }, index) => [id, index + 1]))]
    }),
  )
}
