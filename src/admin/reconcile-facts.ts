import { InvalidEvent } from '../events/invalid-event.ts'
import { contentHashOfInput, eventIdOfInput, type Publisher } from '../events/publisher.ts'
import type { TypedInput } from '../events/publisher-input.ts'

/** The event types that can be derived from the platform's rows; a milestone leaves no row. */
export const factTypes = ['user.signed_up', 'user.verified', 'referral.created', 'referral.verified', 'reward.earned'] as const

export type FactType = (typeof factTypes)[number]

/** A row of the platform, as the event it corresponds to. */
export type PlatformFact = Extract<TypedInput, { type: FactType }> & { readonly timestamp: Date }

/** From `since` on, and before `until`. */
export interface Window {
  readonly since: Date
  readonly until: Date
}

/** The port to the platform's rows and to the outcomes. */
export interface FactReader {
  /** The facts among the next rows after `after`, by key; `next`: where the following page begins, null at the end. */
  page(type: FactType, window: Window, after: string | null): Promise<{ facts: readonly PlatformFact[]; next: string | null }>
  /** The outcomes of these events, as `group` and event id. */
  outcomes(groups: readonly string[], eventIds: readonly string[]): Promise<readonly { group: string; eventId: string }[]>
  /** The groups with an outcome of these facts under whatever id, by their hashes in hexadecimal: reads all outcomes. */
  outcomesOfFacts(
    type: FactType,
    groups: readonly string[],
    contentHashes: readonly string[],
  ): Promise<readonly { group: string; contentHash: string }[]>
  /** The groups that have given up an event of one of these ids, unless a replay has accepted it since. */
  deadLetters(groups: readonly string[], eventIds: readonly string[]): Promise<readonly { group: string; eventId: string }[]>
  /** When the oldest outcome that is kept was written, of one group or of any (null); null when there is none. */
  oldestOutcome(group: string | null): Promise<Date | null>
  /** Types of which outcomes were written lately: whether nearly all of their events carry ids that are made from what happened. */
  recentIds(): Promise<readonly { type: string; derived: boolean }[]>
}

/** A group as far as it concerns coverage. */
export interface CoveringGroup {
  readonly id: string
  /** It may have begun later than the others: no outcome of a fact before this time is expected of it. Null: of every fact in the window. */
  readonly since: Date | null
  handles(type: string): boolean
}

/** How many facts of a campaign a group has no outcome for. */
export interface Uncovered {
  readonly type: FactType
  readonly campaignId: string
  readonly group: string
  readonly count: number
}

export interface Reconciliation {
  /** Facts looked at, by type. */
  readonly checked: Readonly<Record<FactType, number>>
  /** Facts that some group has no outcome for, by type. */
  readonly facts: Readonly<Record<FactType, number>>
  readonly uncovered: readonly Uncovered[]
  /**
   * Of `facts`, those that another group has under another id, or has given up: published, they would have their effect there a second time, or
   * against the decision about a dead letter.
   */
  readonly elsewhere: number
  /** Facts that no group lacks but those that have them as dead letters; not among `facts`. */
  readonly deadLetters: number
  /** Of `facts`, those too old for their events to send mail. */
  readonly stale: number
  /** Types whose events carry ids of their publisher's own: whether an outcome covers a fact of them cannot be determined. */
  readonly undecidable: readonly FactType[]
}

/** Facts without an outcome under their own ids that are looked for under others at a time: each time all outcomes are read. */
const LOOKED_FOR = 50_000

/**
 * Compares the platform's rows with the outcomes, page by page, and passes facts to publish again to `lost`, if given. Events are identified
 * by the id derived from the fact, and those without an outcome by what they say: an edited copy, or an event that was published under an id of
 * its own, is the same fact, and published again under the derived id it would be mailed twice. Types whose publisher chooses all ids are left
 * out: it would publish a fact that is late under its own id as well.
 */
export async function reconcile(
  reader: FactReader,
  of: { readonly groups: readonly CoveringGroup[]; readonly window: Window; readonly staleBefore: Date },
  lost: (facts: readonly PlatformFact[]) => Promise<void> = async () => undefined,
): Promise<Reconciliation> {
  const checked = zeros()
  const facts = zeros()
  const counts = new Map<string, Uncovered>()
  let [stale, elsewhere, deadLetters] = [0, 0, 0]
  const recent = await reader.recentIds()
  const undecidable = factTypes.filter((type) => recent.some((one) => one.type === type && !one.derived))
  for (const type of factTypes) {
    const groups = of.groups.filter((group) => group.handles(type))
    if (groups.length === 0 || undecidable.includes(type)) continue
    const looked = new Map<PlatformFact, readonly string[]>()
    for (let after: string | null = null, more = true; more;) {
      const page = await reader.page(type, of.window, after)
      checked[type] += page.facts.length
      for (const [fact, lacking] of await uncoveredOf(reader, groups, page.facts)) looked.set(fact, lacking)
      after = page.next
      more = page.next !== null
      if (looked.size === 0 || (more && looked.size < LOOKED_FOR)) continue
      const missing = await lackingUnderAnyId(reader, type, looked)
      looked.clear()
      for (const [fact, { lacking, isElsewhere }] of missing) {
        if (lacking.length === 0) {
          deadLetters += 1
          continue
        }
        facts[type] += 1
        if (isElsewhere) elsewhere += 1
        if (fact.timestamp < of.staleBefore) stale += 1
        for (const group of lacking) count(counts, { type, campaignId: fact.campaignId, group, count: 1 })
      }
      const toPublish = [...missing].flatMap(([fact, { isElsewhere }]) => (isElsewhere ? [] : [fact]))
      if (toPublish.length > 0) await lost(toPublish)
    }
  }
  return { checked, facts, uncovered: [...counts.values()], elsewhere, deadLetters, stale, undecidable }
}

/**
 * Publishes facts under their derived ids, so that groups that have accepted an event meanwhile skip it as a duplicate. Resolves to how many
 * were published, and how many cannot be an event (an invalid address).
 */
export async function publishFacts(
  publisher: Pick<Publisher, 'publishMany'>,
  facts: readonly PlatformFact[],
): Promise<{ published: number; unpublishable: number }> {
  try {
    await publisher.publishMany(facts)
    return { published: facts.length, unpublishable: 0 }
  } catch (error) {
    if (!(error instanceof InvalidEvent)) throw error
    if (facts.length === 1) return { published: 0, unpublishable: 1 }
  }
  const middle = Math.ceil(facts.length / 2)
  const [first, second] = [await publishFacts(publisher, facts.slice(0, middle)), await publishFacts(publisher, facts.slice(middle))]
  return { published: first.published + second.published, unpublishable: first.unpublishable + second.unpublishable }
}

/** The facts without an outcome in some groups, with those groups. */
async function uncoveredOf(
  reader: FactReader,
  groups: readonly CoveringGroup[],
  facts: readonly PlatformFact[],
): Promise<ReadonlyMap<PlatformFact, readonly string[]>> {
  if (facts.length === 0) return new Map()
  const ids = new Map(facts.map((fact) => [fact, eventIdOfInput(fact)]))
  const outcomes = await reader.outcomes(
    groups.map(({ id }) => id),
    [...ids.values()],
  )
  const found = new Set(outcomes.map(({ group, eventId }) => `${group} ${eventId}`))
  const lacking = [...ids].map(([fact, eventId]) => {
    const expected = groups.filter(({ since }) => since === null || fact.timestamp >= since)
    return [fact, expected.map(({ id }) => id).filter((group) => !found.has(`${group} ${eventId}`))] as const
  })
  return new Map(lacking.filter(([, without]) => without.length > 0))
}

/**
 * Those of the facts that some group has accepted under no id at all, with the groups that have not even given them up, and whether publishing
 * would concern others: that have it under another id, or as a dead letter.
 */
async function lackingUnderAnyId(
  reader: FactReader,
  type: FactType,
  facts: ReadonlyMap<PlatformFact, readonly string[]>,
): Promise<ReadonlyMap<PlatformFact, { readonly lacking: readonly string[]; readonly isElsewhere: boolean }>> {
  const hashes = new Map([...facts.keys()].map((fact) => [fact, Buffer.from(contentHashOfInput(fact)).toString('hex')]))
  const groups = [...new Set([...facts.values()].flat())]
  const outcomes = await reader.outcomesOfFacts(type, groups, [...hashes.values()])
  const found = new Set(outcomes.map(({ group, contentHash }) => `${group} ${contentHash}`))
  const ids = new Map([...facts.keys()].map((fact) => [fact, eventIdOfInput(fact)]))
  const letters = new Set((await reader.deadLetters(groups, [...ids.values()])).map(({ group, eventId }) => `${group} ${eventId}`))
  const left = [...facts].flatMap(([fact, without]) => {
    const unknown = without.filter((group) => !found.has(`${group} ${hashes.get(fact)}`))
    const lacking = unknown.filter((group) => !letters.has(`${group} ${ids.get(fact)}`))
    return unknown.length === 0 ? [] : [[fact, { lacking, isElsewhere: lacking.length < without.length }] as const]
  })
  return new Map(left)
}

function count(counts: Map<string, Uncovered>, one: Uncovered): void {
  const key = `${one.type} ${one.campaignId} ${one.group}`
  counts.set(key, { ...one, count: (counts.get(key)?.count ?? 0) + 1 })
}

function zeros(): Record<FactType, number> {
  return { 'user.signed_up': 0, 'user.verified': 0, 'referral.created': 0, 'referral.verified': 0, 'reward.earned': 0 }
}
