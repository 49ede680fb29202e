import { badKinds } from './bad-record.ts'
import { createActors } from './actors.ts'
import type { Member } from './actors.ts'
import { seededRandom } from './random.ts'
import type { Random } from './random.ts'
import { createSeedData } from './seed-data.ts'
import type { Campaign, SeedData } from './seed-data.ts'
import type { Publication, Step, Write } from './step.ts'

/**
 * Simulated activity of a few waitlist campaigns. Its result does not depend on the timing of the consumers: no person leaves after an event about
 * that person was published, so no mail depends on which came first.
 */
export interface Scenario {
  readonly seedData: SeedData
  /** From the beginning, each time; ends with exactly `events` publications, or never. */
  steps(events?: number): Generator<Step, void>
}

export function createScenario(seed: number): Scenario {
  const seedData = createSeedData(seededRandom(seed))
  return { seedData, steps: (events = Infinity) => generateSteps(seedData, seededRandom(seed + 1), events) }
}

function* generateSteps(seedData: SeedData, random: Random, events: number): Generator<Step, void> {
  const generator = createStepGenerator(seedData, random)
  for (let left = events; left > 0;) {
    const step = generator.next(left)
    left -= step.publications.length
    yield step
  }
}

/** Participant counts at which a campaign publishes a milestone; more of them would mail thousands of people repeatedly. */
const milestones = [10, 25, 50, 100, 250, 500, 1000, 2500]

function createStepGenerator(seedData: SeedData, random: Random) {
  const actors = createActors(seedData, random)
  /** Events that may be published again, or contradicted. */
  const published: Publication[] = []
  const named: { readonly campaignId: string; readonly eventId: string }[] = []
  let badRecords = 0

  const step = (writes: readonly Write[], publications: readonly Publication[], timing: Step['timing'] = 'usual'): Step => {
    for (const publication of publications) {
      if (publication.is !== 'event') continue
      // The newest few hundred, overwritten at random places.
      if (published.length < 300) published.push(publication)
      else published[random.below(published.length)] = publication
    }
    return { writes, publications, timing }
  }
  /** The platform publishes before it commits, now and then. */
  const sometimesLate = (): Step['timing'] => (random.next() < 0.008 ? 'late' : 'usual')

  function signUp(referrer?: Member): Step {
    const newcomer = actors.join(referrer ? { campaign: referrer.campaign, referrer } : {})
    const event = { type: 'user.signed_up', ...subject(newcomer), ...(random.next() < 0.03 ? { eventId: random.uuid() } : {}) } as const
    if (event.eventId !== undefined) named.push({ campaignId: event.campaignId, eventId: event.eventId })
    const joined: Write = { is: 'join', person: newcomer.person }
    if (newcomer.referral === null) return step([joined], [{ is: 'event', event }], sometimesLate())
    const { id: referralId, ...ends } = newcomer.referral
    const created = { type: 'referral.created', ...about(newcomer.campaign), ...ends, referralId } as const
    return step(
      [joined, { is: 'refer', referral: newcomer.referral }],
      [
        { is: 'event', event },
        { is: 'event', event: created },
      ],
      sometimesLate(),
    )
  }

  function verify(member: Member): Step {
    actors.verified(member)
    const verified: Publication = { is: 'event', event: { type: 'user.verified', ...subject(member) } }
    if (member.referral === null) return step([{ is: 'verify', personId: member.person.id }], [verified], sometimesLate())
    const { id: referralId, ...ends } = member.referral
    const event = {
      type: 'referral.verified',
      ...about(member.campaign),
      ...ends,
      referralId,
      pointsPerReferral: member.campaign.points ?? 1,
    } as const
    return step(
      [
        { is: 'verify', personId: member.person.id },
        { is: 'confirm', referral: member.referral },
      ],
      [verified, { is: 'event', event }],
      sometimesLate(),
    )
  }

  function reward(member: Member): Step {
    const { id: rewardId } = random.pick(seedData.rewards.filter(({ campaignId }) => campaignId === member.campaign.id))
    const grant = { id: random.uuid(), campaignId: member.campaign.id, personId: member.person.id, rewardId }
    const event = { type: 'reward.earned', ...about(member.campaign), userRewardId: grant.id, userId: grant.personId, rewardId } as const
    return step([{ is: 'grant', grant }], [{ is: 'event', event }], sometimesLate())
  }

  /** A person who joins and leaves before the first event; events about that person follow nevertheless. */
  function comeAndGo(): Step {
    const member = actors.join({ gone: true })
    const how = random.pick(['blocked', 'removed', 'deleted'] as const)
    return step(
      [
        { is: 'join', person: member.person },
        { is: 'leave', personId: member.person.id, how },
      ],
      [{ is: 'event', event: { type: 'user.signed_up', ...subject(member) } }],
    )
  }

  /** An import or a clean-up without an event: only the leaderboard changes, and only reconciliation can find it. */
  function quietly(): Step {
    const leaving = random.next() < 0.4 ? actors.leaveQuietly() : undefined
    if (leaving)
      return step([{ is: 'leave', personId: leaving.person.id, how: random.pick(['blocked', 'removed', 'deleted'] as const) }], [])
    const newcomers = Array.from({ length: 1 + random.below(3) }, () => actors.join({ quiet: true }))
    return step(
      newcomers.map(({ person }) => ({ is: 'join', person })),
      [],
    )
  }

  function nonsense(): Step {
    const kind = badKinds[badRecords++ % badKinds.length]
    const campaign = random.pick(seedData.campaigns)
    if (kind === undefined) throw new Error('There are kinds of bad records.')
    return step([], [{ is: 'bad', record: { kind, ...about(campaign), eventId: random.uuid(), personId: random.uuid() } }])
  }

  function contradict(): Step | undefined {
    const taken = named.length === 0 ? undefined : random.pick(named)
    const member = taken && actors.anyone(taken.campaignId)
    if (taken === undefined || member === undefined) return undefined
    return step(
      [],
      [{ is: 'conflict', event: { type: 'user.signed_up', ...subject(member), eventId: taken.eventId, userId: random.uuid() } }],
    )
  }

  function milestone(): Step | undefined {
    const reached = actors.milestone(milestones)
    if (reached === undefined) return undefined
    const { campaign, participants } = reached
    const event = {
      type: 'campaign.milestone_reached',
      ...about(campaign),
      milestone: `${participants}_participants`,
      participantCount: participants,
    } as const
    return step([], [{ is: 'event', event }], 'alone')
  }

  const repeat = () => (published.length === 0 ? undefined : step([], [random.pick(published)]))

  /** Something that publishes at most `left` events. */
  function next(left: number): Step {
    const reached = milestone()
    if (reached !== undefined) return reached
    if (left < 2) return signUp()
    const chance = random.next()
    if (chance < 0.26) return signUp()
    if (chance < 0.44) return signUp(actors.referrer())
    if (chance < 0.76) return withSomebody(actors.unverified(), verify)
    if (chance < 0.89) return withSomebody(actors.deserving(), reward)
    if (chance < 0.92) return comeAndGo()
    if (chance < 0.94) return quietly()
    if (chance < 0.985) return repeat() ?? signUp()
    if (chance < 0.99) return contradict() ?? signUp()
    return nonsense()
  }

  const withSomebody = (member: Member | undefined, happen: (member: Member) => Step) => (member === undefined ? signUp() : happen(member))

  return { next }
}

function about(campaign: Campaign) {
  return { accountId: campaign.accountId, campaignId: campaign.id }
}

function subject({ campaign, person }: Member) {
  return { ...about(campaign), userId: person.id, email: person.email }
}
