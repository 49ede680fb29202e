import { badKinds } from './bad-record.ts'
import { createCast } from './actors.ts'
import type { Member } from './actors.ts'
import { seededRandom } from './random.ts'
import type { Random } from './random.ts'
import { createSetting } from './seed-data.ts'
import type { Campaign, Setting } from './seed-data.ts'
import type { Publication, Step, Write } from './step.ts'

/**
 * The life of a few waitlist campaigns. Whatever the timing of those who hear of it, its end is the same: nobody leaves about whom an event was
 * published before, so that no mail depends on which came first.
 */
export interface Story {
  readonly setting: Setting
  /** From the beginning, each time; ends with exactly `events` publications, or never. */
  steps(events?: number): Generator<Step, void>
}

export function createStory(seed: number): Story {
  const setting = createSetting(seededRandom(seed))
  return { setting, steps: (events = Infinity) => tell(setting, seededRandom(seed + 1), events) }
}

function* tell(setting: Setting, random: Random, events: number): Generator<Step, void> {
  const teller = createTeller(setting, random)
  for (let left = events; left > 0;) {
    const step = teller.next(left)
    left -= step.publications.length
    yield step
  }
}

/** Participants at which a campaign says so; later ones would be a mail to thousands, again and again. */
const milestones = [10, 25, 50, 100, 250, 500, 1000, 2500]

function createTeller(setting: Setting, random: Random) {
  const cast = createCast(setting, random)
  /** What may be told again, or contradicted. */
  const told: Publication[] = []
  const named: { readonly campaignId: string; readonly eventId: string }[] = []
  let badRecords = 0

  const step = (writes: readonly Write[], publications: readonly Publication[], timing: Step['timing'] = 'usual'): Step => {
    for (const publication of publications) {
      if (publication.is !== 'event') continue
      // The newest few hundred, overwritten at random places.
      if (told.length < 300) told.push(publication)
      else told[random.below(told.length)] = publication
    }
    return { writes, publications, timing }
  }
  /** The platform publishes before it commits, now and then. */
  const sometimesLate = (): Step['timing'] => (random.next() < 0.008 ? 'late' : 'usual')

  function signUp(referrer?: Member): Step {
    const newcomer = cast.join(referrer ? { campaign: referrer.campaign, referrer } : {})
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
    cast.verified(member)
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
    const { id: rewardId } = random.pick(setting.rewards.filter(({ campaignId }) => campaignId === member.campaign.id))
    const grant = { id: random.uuid(), campaignId: member.campaign.id, personId: member.person.id, rewardId }
    const event = { type: 'reward.earned', ...about(member.campaign), userRewardId: grant.id, userId: grant.personId, rewardId } as const
    return step([{ is: 'grant', grant }], [{ is: 'event', event }], sometimesLate())
  }

  /** Gone before anybody is told of their coming; events about them follow all the same. */
  function comeAndGo(): Step {
    const member = cast.join({ gone: true })
    const how = random.pick(['blocked', 'removed', 'deleted'] as const)
    return step(
      [
        { is: 'join', person: member.person },
        { is: 'leave', personId: member.person.id, how },
      ],
      [{ is: 'event', event: { type: 'user.signed_up', ...subject(member) } }],
    )
  }

  /** An import, or a clean-up, of which no event tells: only the leaderboard changes, and only the sweep can find out. */
  function quietly(): Step {
    const leaving = random.next() < 0.4 ? cast.leaveQuietly() : undefined
    if (leaving)
      return step([{ is: 'leave', personId: leaving.person.id, how: random.pick(['blocked', 'removed', 'deleted'] as const) }], [])
    const newcomers = Array.from({ length: 1 + random.below(3) }, () => cast.join({ quiet: true }))
    return step(
      newcomers.map(({ person }) => ({ is: 'join', person })),
      [],
    )
  }

  function nonsense(): Step {
    const kind = badKinds[badRecords++ % badKinds.length]
    const campaign = random.pick(setting.campaigns)
    if (kind === undefined) throw new Error('There are kinds of bad records.')
    return step([], [{ is: 'bad', record: { kind, ...about(campaign), eventId: random.uuid(), personId: random.uuid() } }])
  }

  function contradict(): Step | undefined {
    const taken = named.length === 0 ? undefined : random.pick(named)
    const member = taken && cast.anyone(taken.campaignId)
    if (taken === undefined || member === undefined) return undefined
    return step(
      [],
      [{ is: 'conflict', event: { type: 'user.signed_up', ...subject(member), eventId: taken.eventId, userId: random.uuid() } }],
    )
  }

  function milestone(): Step | undefined {
    const reached = cast.milestone(milestones)
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

  const repeat = () => (told.length === 0 ? undefined : step([], [random.pick(told)]))

  /** Something that publishes at most `left` events. */
  function next(left: number): Step {
    const reached = milestone()
    if (reached !== undefined) return reached
    if (left < 2) return signUp()
    const chance = random.next()
    if (chance < 0.26) return signUp()
    if (chance < 0.44) return signUp(cast.referrer())
    if (chance < 0.76) return withSomebody(cast.unverified(), verify)
    if (chance < 0.89) return withSomebody(cast.deserving(), reward)
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
