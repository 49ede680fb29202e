import type { BadKind } from './bad-record.ts'
import type { DemoGroup } from './demo-groups.ts'
import type { SeedData } from './seed-data.ts'
import type { Publication, Step, Write } from './step.ts'

/** The expected result, computed from the scenario alone: it shares no code with the program under test. */
export interface Expected {
  readonly events: number
  /** How often each mail is due, by `type address`. */
  readonly mails: ReadonlyMap<string, number>
  readonly rewards: {
    /** Handed over by a mail, and by a webhook: ids of `user_rewards`. */
    readonly byMail: ReadonlySet<string>
    readonly byWebhook: ReadonlySet<string>
    /** Left as they were: for a human, without an endpoint, or of somebody who is gone. */
    readonly untouched: ReadonlySet<string>
  }
  /** By group. */
  readonly deadLetters: ReadonlyMap<string, number>
  /** By `day type campaign`; empty where no group counts events. */
  readonly eventCounts: ReadonlyMap<string, number>
  /** Of everybody who is ranked, by id. */
  readonly positions: ReadonlyMap<string, number>
}

/** The type in the header of a bad record: the groups that handle it have to read the record, and dead-letter it. */
const readAs: Readonly<Record<BadKind, string>> = {
  'not-json': 'any type',
  'not-utf8': 'any type',
  'too-deep': 'referral.verified',
  'invalid-data': 'reward.earned',
  'not-an-envelope': 'campaign.milestone_reached',
  'type-mismatch': 'user.signed_up',
  'unsupported-version': 'user.verified',
  'unknown-type': 'no type',
  'foreign-type': 'no type',
}

interface Standing {
  readonly id: string
  readonly campaignId: string
  readonly address: string
  readonly consent: boolean
  readonly originalPosition: number
  readonly joinedAt: number
  isGone: boolean
  isVerified: boolean
  referrals: number
}

/**
 * @param groups that run
 * @param dayOf the day on which the events of a step were published, `YYYY-MM-DD` in UTC
 */
export function expectedOf(
  seedData: SeedData,
  steps: Iterable<Step>,
  groups: readonly DemoGroup[],
  dayOf: (step: Step) => string,
): Expected {
  const people = new Map<string, Standing>()
  const facts = new Set<string>()
  const mails = new Map<string, number>()
  const deadLetters = new Map<string, number>(groups.map(({ name }) => [name, 0]))
  const eventCounts = new Map<string, number>()
  const isCounting = groups.some(({ countsEvents }) => countsEvents)
  const grants = new Map<string, string>()
  const rewards = { byMail: new Set<string>(), byWebhook: new Set<string>(), untouched: new Set<string>() }
  let events = 0

  const change = (write: Write): void => {
    switch (write.is) {
      case 'join': {
        const { id, campaignId, email: address, consent, originalPosition, joinedAt } = write.person
        people.set(id, { id, campaignId, address, consent, originalPosition, joinedAt, isGone: false, isVerified: false, referrals: 0 })
        return
      }
      case 'verify':
        personOf(write.personId).isVerified = true
        return
      case 'leave':
        personOf(write.personId).isGone = true
        return
      case 'confirm':
        personOf(write.referral.referrerId).referrals += 1
        return
      case 'grant':
        grants.set(write.grant.id, write.grant.rewardId)
        rewards.untouched.add(write.grant.id)
        return
      case 'refer':
        return
    }
  }

  const personOf = (id: string): Standing => {
    const person = people.get(id)
    if (person === undefined) throw new Error('The scenario refers to a person who never joined.')
    return person
  }

  const mail = (type: string, to: Standing): void => {
    if (to.isGone) return
    const key = `${type} ${to.address}`
    mails.set(key, (mails.get(key) ?? 0) + 1)
  }

  const read = (publication: Publication, day: string): void => {
    events += 1
    if (publication.is === 'bad') return refuse(readAs[publication.record.kind])
    const { event } = publication
    // Another fact under an id that is taken.
    if (publication.is === 'conflict') return refuse(event.type)
    const fact = factOf(publication)
    if (facts.has(fact)) return
    facts.add(fact)
    if (isCounting) {
      const key = `${day} ${event.type} ${event.campaignId}`
      eventCounts.set(key, (eventCounts.get(key) ?? 0) + 1)
    }
    switch (event.type) {
      case 'user.signed_up':
        return mail('welcome', personOf(event.userId))
      case 'user.verified':
        return mail('verification', personOf(event.userId))
      case 'referral.verified':
        return mail('position_update', personOf(event.referrerId))
      case 'reward.earned':
        mail('reward_earned', personOf(event.userId))
        return deliver(event.userRewardId, personOf(event.userId))
      case 'campaign.milestone_reached':
        for (const person of people.values()) {
          if (person.campaignId === event.campaignId && person.isVerified && person.consent) mail('milestone', person)
        }
        return
      case 'referral.created':
        return
    }
  }

  const refuse = (type: string): void => {
    const readers = groups.filter(({ types }) => type === 'any type' || types.some((pattern) => isOf(type, pattern)))
    for (const { name } of readers) deadLetters.set(name, (deadLetters.get(name) ?? 0) + 1)
  }

  const deliver = (grantId: string, to: Standing): void => {
    const reward = seedData.rewards.find(({ id }) => id === grants.get(grantId))
    const listened = seedData.endpoints.some(({ path }) => path === reward?.path)
    if (to.isGone || reward === undefined || reward.method === 'manual' || (reward.method === 'webhook' && !listened)) return
    rewards.untouched.delete(grantId)
    if (reward.method === 'webhook') rewards.byWebhook.add(grantId)
    else {
      rewards.byMail.add(grantId)
      mail('reward_delivery', to)
    }
  }

  for (const step of steps) {
    for (const write of step.writes) change(write)
    for (const publication of step.publications) read(publication, dayOf(step))
  }
  return { events, mails, rewards, deadLetters, eventCounts, positions: positionsOf(seedData, [...people.values()]) }
}

/** `pattern`: a type, or a family such as `user.*`. */
function isOf(type: string, pattern: string): boolean {
  return type === pattern || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)))
}

/** The identity of the fact, however often its event is published. */
function factOf({ event }: Extract<Publication, { is: 'event' }>): string {
  switch (event.type) {
    case 'user.signed_up':
    case 'user.verified':
      return `${event.type} ${event.userId}`
    case 'referral.created':
    case 'referral.verified':
      return `${event.type} ${event.referralId}`
    case 'reward.earned':
      return `${event.type} ${event.userRewardId}`
    case 'campaign.milestone_reached':
      return `${event.type} ${event.campaignId} ${event.milestone}`
    default:
      throw new Error('The demo publishes no other events.')
  }
}

/** By score, time of joining and id; without people who left. */
function positionsOf({ campaigns }: SeedData, people: readonly Standing[]): Map<string, number> {
  const positions = new Map<string, number>()
  for (const { id: campaignId, points } of campaigns) {
    const score = (person: Standing) => person.originalPosition - person.referrals * (points ?? 1)
    people
      .filter((person) => person.campaignId === campaignId && !person.isGone)
      .sort((one, other) => score(one) - score(other) || one.joinedAt - other.joinedAt || (one.id < other.id ? -1 : 1))
      .forEach(({ id }, index) => positions.set(id, index + 1))
  }
  return positions
}
