import type { Campaign } from '../../../cmd/demo/seed-data.ts'
import type { Random } from '../../../cmd/demo/random.ts'
import type { Step } from '../../../cmd/demo/step.ts'
import type { Scenario } from '../../../cmd/demo/scenario.ts'

/** A campaign with an endpoint of its own, and what earns rewards that are delivered there. */
export interface Tenant {
  readonly campaign: Campaign
  /** Of its endpoint at the webhook sink. */
  readonly path: string
  /** So many more people, each with a reward; it has a code. */
  earn(count: number): Step[]
  /** The same, with a reward that has no code; campaigns may share its endpoint. */
  earnWithoutCode(count: number): Step[]
}

/** Behind everybody that a scenario invents for itself. */
const FIRST_PLACE = 1_000_000

/** The campaigns of all scenarios, each with an endpoint that nobody else has. */
export function tenantsOf(settings: readonly Scenario['seedData'][], random: Random): readonly Tenant[] {
  return settings.flatMap(({ campaigns, rewards }) =>
    campaigns.map((campaign) => {
      const path = `/${campaign.slug}`
      let place = FIRST_PLACE
      const earnAt = (at: string) => {
        const reward = rewards.find((one) => one.campaignId === campaign.id && one.path === at)
        if (reward === undefined) throw new Error(`Nothing is delivered to ${at}.`)
        return (count: number) => Array.from({ length: count }, () => earned(campaign, reward.id, place++, random))
      }
      return { campaign, path, earn: earnAt(path), earnWithoutCode: earnAt('/shared') }
    }),
  )
}

function earned(campaign: Campaign, rewardId: string, place: number, random: Random): Step {
  const { id: campaignId, accountId, slug } = campaign
  const person = {
    id: random.uuid(),
    campaignId,
    email: `guest-${place}@${slug}.example.org`,
    firstName: `Guest ${place}`,
    lastName: campaign.name,
    originalPosition: place,
    joinedAt: place,
    referralCode: `${slug}-${place}`,
    referredById: null,
    consent: false,
  }
  const grant = { id: random.uuid(), campaignId, personId: person.id, rewardId }
  const event = { type: 'reward.earned', accountId, campaignId, userRewardId: grant.id, userId: person.id, rewardId } as const
  return {
    writes: [
      { is: 'join', person },
      { is: 'grant', grant },
    ],
    publications: [{ is: 'event', event }],
    timing: 'usual',
  }
}
