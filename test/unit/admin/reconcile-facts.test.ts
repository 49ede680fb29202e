import { expect, it } from 'vitest'
import { InvalidEvent } from '../../../src/events/invalid-event.ts'
import { contentHashOfInput, eventIdOfInput } from '../../../src/events/publisher.ts'
import { publishFacts, reconcile, type FactReader, type PlatformFact } from '../../../src/admin/reconcile-facts.ts'

const campaignId = '00000000-0000-4000-8000-00000000000a'
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const day = (n: number) => new Date(Date.UTC(2026, 0, n))
const signUp = (n: number): PlatformFact => ({
  type: 'user.signed_up',
  accountId: uuid(0),
  campaignId,
  userId: uuid(n),
  email: `person-${n}@example.com`,
  timestamp: day(n),
})
const reward = (n: number): PlatformFact => ({
  type: 'reward.earned',
  accountId: uuid(0),
  campaignId,
  userRewardId: uuid(n),
  userId: uuid(n),
  rewardId: uuid(99),
  timestamp: day(n),
})
const mails = { id: 'email-workers', since: null, handles: () => true }
const rewards = { id: 'reward-workers', since: null, handles: (type: string) => type === 'reward.earned' }

const hashOf = (fact: PlatformFact) => Buffer.from(contentHashOfInput(fact)).toString('hex')

/** Facts in pages of two; `covered`: what each group has an outcome for; `renamed`: under an id of its own; `given`: given up. */
function readerOf(
  facts: readonly PlatformFact[],
  covered: Record<string, readonly PlatformFact[]>,
  derived = true,
  renamed: Record<string, readonly PlatformFact[]> = {},
  given: Record<string, readonly PlatformFact[]> = {},
): FactReader {
  const ids = new Set(Object.entries(covered).flatMap(([group, some]) => some.map((fact) => `${group} ${eventIdOfInput(fact)}`)))
  return {
    async page(type, _, after) {
      const from = Number(after ?? 0)
      const next = from + 2 >= facts.length ? null : String(from + 2)
      return { facts: facts.slice(from, from + 2).filter((fact) => fact.type === type), next }
    },
    outcomes: async (groups, eventIds) =>
      groups.flatMap((group) => eventIds.filter((id) => ids.has(`${group} ${id}`)).map((eventId) => ({ group, eventId }))),
    outcomesOfFacts: async (type, groups, hashes) =>
      groups.flatMap((group) =>
        (renamed[group] ?? [])
          .filter((fact) => fact.type === type && hashes.includes(hashOf(fact)))
          .map((fact) => ({ group, contentHash: hashOf(fact) })),
      ),
    deadLetters: async (groups, eventIds) =>
      groups
        .flatMap((group) => (given[group] ?? []).map((fact) => ({ group, eventId: eventIdOfInput(fact) })))
        .filter(({ eventId }) => eventIds.includes(eventId)),
    oldestOutcome: async () => null,
    recentIds: async () => [{ type: 'user.signed_up', derived }],
  }
}

const question = { groups: [mails, rewards], window: { since: day(1), until: day(31) }, staleBefore: day(2) }

it('counts by campaign and group what no outcome covers, over all pages, and hands it on once', async () => {
  const facts = [signUp(1), signUp(2), reward(3), signUp(4), reward(5)]
  const reader = readerOf(facts, { 'email-workers': [signUp(2), reward(3), reward(5)], 'reward-workers': [reward(5)] })
  const lost: PlatformFact[] = []
  const found = await reconcile(reader, question, async (some) => void lost.push(...some))
  expect(found).toEqual({
    checked: { 'user.signed_up': 3, 'user.verified': 0, 'referral.created': 0, 'referral.verified': 0, 'reward.earned': 2 },
    facts: { 'user.signed_up': 2, 'user.verified': 0, 'referral.created': 0, 'referral.verified': 0, 'reward.earned': 1 },
    uncovered: [
      { type: 'user.signed_up', campaignId, group: 'email-workers', count: 2 },
      { type: 'reward.earned', campaignId, group: 'reward-workers', count: 1 },
    ],
    elsewhere: 0,
    deadLetters: 0,
    stale: 1,
    undecidable: [],
  })
  expect(lost).toEqual([signUp(1), signUp(4), reward(3)])
})

it('counts no fact that its group has under another id: published again it would be mailed twice', async () => {
  const facts = [signUp(1), reward(2), signUp(3), reward(4)]
  const renamed = { 'email-workers': [signUp(1), reward(2)] }
  const lost: PlatformFact[] = []
  const found = await reconcile(readerOf(facts, {}, true, renamed), question, async (some) => void lost.push(...some))
  expect(found.uncovered).toEqual([
    { type: 'user.signed_up', campaignId, group: 'email-workers', count: 1 },
    { type: 'reward.earned', campaignId, group: 'reward-workers', count: 2 },
    { type: 'reward.earned', campaignId, group: 'email-workers', count: 1 },
  ])
  // Published for the one group, reward 2 would be mailed a second time by the other.
  expect(found.elsewhere).toBe(1)
  expect(lost).toEqual([signUp(3), reward(4)])
})

it('leaves dead letters to the decision about them, also where another group lacks the fact', async () => {
  const lost: PlatformFact[] = []
  const reader = readerOf([signUp(1), reward(2), signUp(3)], {}, true, {}, { 'email-workers': [signUp(1), reward(2)] })
  const found = await reconcile(reader, question, async (some) => void lost.push(...some))
  expect(found).toMatchObject({ deadLetters: 1, elsewhere: 1, facts: { 'user.signed_up': 1, 'reward.earned': 1 } })
  expect(found.uncovered).toEqual([
    { type: 'user.signed_up', campaignId, group: 'email-workers', count: 1 },
    { type: 'reward.earned', campaignId, group: 'reward-workers', count: 1 },
  ])
  expect(lost).toEqual([signUp(3)])
})

it('looks for facts under other ids in batches, and hands each on once', async () => {
  const facts = Array.from({ length: 50_003 }, (_, n) => ({ ...signUp(n), timestamp: day(3) }))
  const [batches, lost]: [number[], number[]] = [[], []]
  const reader: FactReader = {
    ...readerOf(facts, {}),
    outcomesOfFacts: async (_, __, hashes) => {
      batches.push(hashes.length)
      return []
    },
  }
  const found = await reconcile(reader, { ...question, groups: [mails] }, async (some) => void lost.push(some.length))
  expect({ batches, lost, facts: found.facts['user.signed_up'] }).toEqual({ batches: [50_000, 3], lost: [50_000, 3], facts: 50_003 })
})

it('expects of a group that began later no outcome of earlier facts', async () => {
  const facts = [signUp(1), signUp(2), signUp(3)]
  const late = { id: 'analytics-workers', since: day(2), handles: () => true }
  const found = await reconcile(readerOf(facts, { 'email-workers': facts }), { ...question, groups: [mails, late] })
  expect(found.uncovered).toEqual([{ type: 'user.signed_up', campaignId, group: 'analytics-workers', count: 2 }])
})

it('leaves out types whose publisher chooses the ids: published under another id they would be mailed twice', async () => {
  const found = await reconcile(readerOf([signUp(1)], {}, false), question, () => Promise.reject(new Error('nothing may be reported')))
  expect(found).toMatchObject({ facts: { 'user.signed_up': 0 }, uncovered: [], undecidable: ['user.signed_up'] })
})

it('publishes all but what breaks the rules of an event', async () => {
  const reported: PlatformFact[] = []
  const publisher = {
    async publishMany(events: readonly unknown[]) {
      const facts = events as readonly PlatformFact[] // oxlint-disable-line typescript/no-unsafe-type-assertion -- what it was given
      if (facts.some(({ timestamp }) => timestamp.getTime() === day(3).getTime()))
        throw new InvalidEvent('user.signed_up', [{ path: 'email', rule: 'breaks required' }])
      reported.push(...facts)
      return []
    },
  }
  const facts = [1, 2, 3, 4, 5].map(signUp)
  expect(await publishFacts(publisher, facts)).toEqual({ published: 4, unpublishable: 1 })
  expect(reported).toEqual([1, 2, 4, 5].map(signUp))
})
