import type { ReplayOutcome } from '../../ingest/letter-store.ts'
import type { Replayed } from '../../ingest/replay-letters.ts'
import type { Intent } from '../../model/intent.ts'
import type { Foreseen } from '../replay/foresee.ts'
import { endSentence, PlanTally, type PlannedEnd } from '../replay/replay-plan.ts'

/** What a replay would do, as its group's accept says now. */
export interface ReplayPreview {
  /** How many letters would be replayed. */
  readonly count: number
  readonly outcomes: readonly { readonly outcome: ReplayOutcome; readonly count: number }[]
  /** Those that would fail again, by what is in the way. */
  readonly failures: readonly { readonly reason: string; readonly detail: string; readonly count: number }[]
  /** Those that would be accepted although their group has accepted the same fact under another id: the effect would come a second time. */
  readonly repeats: readonly { readonly letter: string; readonly knownAs: string }[]
  /** Intents of the events that would be accepted. */
  readonly intents: readonly { readonly kind: string; readonly count: number }[]
  /** How many different people these intents are about. */
  readonly people: number
  /** What would become of these intents, with the subjects of mails. */
  readonly ends: readonly PlannedEnd[]
}

/** The intents that the replay of a letter would write, as a worker would see them; requests that coalesce are left out. */
export function draftedIntents(group: string, replayed: Replayed, now: Date): readonly Intent[] {
  if (replayed.is !== 'resolved' || replayed.outcome !== 'accepted' || replayed.event === null) return []
  const { eventId, at, correlationId = null, traceparent = null, drafts } = replayed.event
  return drafts.flatMap((draft): readonly Intent[] => {
    if (draft.coalesce === true) return []
    const { kind, version, channel, key, campaignId, data, userId = null, destination = null } = draft
    return [
      {
        id: '0',
        group,
        kind,
        version,
        channel,
        key,
        class: draft.class ?? 'live',
        coalesce: false,
        eventId,
        eventAt: at,
        correlationId,
        traceparent,
        campaignId,
        userId,
        destination,
        data,
        attempt: 0,
        ambiguous: 0,
        waitingSince: null,
        reason: null,
        createdAt: now,
        frozen: null,
        claim: { id: '0', owner: '', claims: 0 },
      },
    ]
  })
}

/** Counts what each letter would do by itself; an effect that two of them share is counted with both. */
export function previewOf(
  replayed: readonly Replayed[],
  foreseen: readonly Foreseen[],
  repeats: ReplayPreview['repeats'] = [],
): ReplayPreview {
  const tally = new PlanTally(() => false)
  tally.add([], foreseen)
  const resolved = replayed.filter((one) => one.is === 'resolved')
  const failed = replayed.filter((one) => one.is === 'failed')
  const drafts = resolved.flatMap(({ outcome, event }) => (outcome === 'accepted' ? (event?.drafts ?? []) : []))
  return {
    count: replayed.length,
    outcomes: tallied(resolved, ({ outcome }) => outcome).map(([outcome, count]) => ({ outcome, count })),
    failures: tallied(failed, ({ failure }) => `${failure.reason}\n${failure.detail}`).map(([key, count]) => {
      const [reason = '', detail = ''] = key.split('\n')
      return { reason, detail, count }
    }),
    repeats,
    intents: tallied(drafts, ({ kind }) => kind).map(([kind, count]) => ({ kind, count })),
    people: new Set(drafts.flatMap(({ userId }) => userId ?? [])).size,
    ends: tally.plan().ends,
  }
}

/** The most frequent first. */
function tallied<Item, Key extends string>(items: readonly Item[], keyOf: (item: Item) => Key): readonly (readonly [Key, number])[] {
  const counts = new Map<Key, number>()
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a)
}

const words: Readonly<Record<ReplayOutcome, string>> = {
  accepted: 'would be accepted',
  'no-effect': 'would be accepted and have no effect',
  duplicate: 'would be accepted, and every effect exists already',
  repeated: 'handled already under the same id: nothing would happen',
  skipped: 'of a type that the group does not handle: nothing would happen',
}

/** The preview in sentences. */
export function previewSentences({ count, outcomes, failures, repeats, intents, people, ends }: ReplayPreview): readonly string[] {
  return [
    `${letters(count)} would be replayed:`,
    ...outcomes.map((one) => `  ${one.count} ${words[one.outcome]}.`),
    ...failures.map((one) => `  ${one.count} would fail again as ${one.reason}: ${one.detail}.`),
    ...repeatSentences(repeats),
    ...(intents.length === 0
      ? []
      : [
          `Intents: ${intents.map((one) => `${one.count} ${one.kind}`).join(', ')}, about ${people} ${people === 1 ? 'person' : 'people'}.`,
        ]),
    ...ends.map((end) => `  ${endSentence(end)}`),
  ]
}

function repeatSentences(repeats: ReplayPreview['repeats']): readonly string[] {
  const [first] = repeats
  if (first === undefined) return []
  const what =
    repeats.length === 1
      ? 'would have its effect a second time: its group has'
      : 'would have their effects a second time: their groups have'
  return [
    `  ${repeats.length} ${what} accepted the same under another id (${first.letter} as event ${first.knownAs}). "dlq discard" closes such letters.`,
  ]
}

/** Such as `1 dead letter`. */
export function letters(count: number): string {
  return `${count} dead ${count === 1 ? 'letter' : 'letters'}`
}
