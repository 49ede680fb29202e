import type { Random } from './random.ts'
import type { Campaign, SeedData } from './seed-data.ts'
import type { Person, Referral } from './step.ts'

/** A participant of the scenario. */
export interface Member {
  readonly campaign: Campaign
  readonly person: Person
  /** The one that brought them. */
  readonly referral: Referral | null
}

/** The participants so far, and those that may take the next step. */
export interface Actors {
  join(options: { campaign?: Campaign; referrer?: Member; gone?: boolean; quiet?: boolean }): Member
  /** A member whose link the next one follows; occasionally one who has left. */
  referrer(): Member | undefined
  unverified(): Member | undefined
  verified(member: Member): void
  /** A verified member to get a reward; occasionally one who has left. */
  deserving(): Member | undefined
  anyone(campaignId: string): Member | undefined
  /** One who came quietly leaves. */
  leaveQuietly(): Member | undefined
  /** A campaign that has just reached one of the sizes. */
  milestone(sizes: readonly number[]): { campaign: Campaign; participants: number } | undefined
}

export function createActors({ campaigns }: SeedData, random: Random): Actors {
  const present: Member[] = []
  const unverified: Member[] = []
  const verified: Member[] = []
  const gone: Member[] = []
  const quiet: Member[] = []
  const sizes = new Map<string, number>()
  const reached: { campaign: Campaign; participants: number }[] = []
  const announced = new Map<string, number>()
  let joined = 0

  const someOf = (members: readonly Member[]) => (members.length === 0 ? undefined : random.pick(members))
  const sometimesGone = (members: readonly Member[]) => (random.next() < 0.05 && gone.length > 0 ? random.pick(gone) : someOf(members))

  return {
    join: ({ campaign = anyCampaign(campaigns, random), referrer, ...how }) => {
      const originalPosition = (sizes.get(campaign.id) ?? 0) + 1
      sizes.set(campaign.id, originalPosition)
      joined += 1
      const id = random.uuid()
      const person = {
        id,
        campaignId: campaign.id,
        email: `guest-${originalPosition}@${campaign.slug}.example.org`,
        firstName: `Guest ${originalPosition}`,
        lastName: campaign.name,
        originalPosition,
        // Every three share a timestamp, so that the last rule of the order, the id, decides as well.
        joinedAt: Math.floor(joined / 3),
        referralCode: `${campaign.slug}-${originalPosition}`,
        referredById: referrer?.person.id ?? null,
        consent: how.quiet !== true && random.next() < 0.6,
      }
      const referral = referrer ? { id: random.uuid(), campaignId: campaign.id, referrerId: referrer.person.id, referredId: id } : null
      const member = { campaign, person, referral }
      if (how.gone) gone.push(member)
      else if (how.quiet) quiet.push(member)
      else {
        present.push(member)
        unverified.push(member)
      }
      reached.push({ campaign, participants: originalPosition })
      return member
    },
    referrer: () => sometimesGone(present),
    unverified: () => someOf(unverified),
    verified: (member) => {
      remove(unverified, member)
      verified.push(member)
    },
    deserving: () => sometimesGone(verified),
    anyone: (campaignId) => present.find(({ campaign }) => campaign.id === campaignId),
    leaveQuietly: () => {
      const leaving = someOf(quiet)
      if (leaving) remove(quiet, leaving)
      return leaving
    },
    milestone: (wanted) => {
      for (let size = reached.shift(); size; size = reached.shift()) {
        const { campaign, participants } = size
        if (!wanted.includes(participants) || participants <= (announced.get(campaign.id) ?? 0)) continue
        announced.set(campaign.id, participants)
        return size
      }
      return undefined
    },
  }
}

function anyCampaign(campaigns: readonly Campaign[], random: Random): Campaign {
  let left = random.next()
  const found = campaigns.find(({ share }) => (left -= share) < 0) ?? campaigns[0]
  if (found === undefined) throw new Error('There are campaigns.')
  return found
}

/** The last takes the place of the one that goes: the order means nothing here. */
function remove(members: Member[], member: Member): void {
  const at = members.indexOf(member)
  const last = members.pop()
  if (last !== undefined && last !== member && at >= 0) members[at] = last
}
