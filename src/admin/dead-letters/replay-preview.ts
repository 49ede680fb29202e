import type { ReplayOutcome } from '../../ingest/letter-store.ts'
import type { Replayed } from '../../ingest/replay-letters.ts'

/** What a replay would do, as its group's accept says now. */
export interface ReplayPreview {
  /** How many letters would be replayed. */
  readonly count: number
  readonly outcomes: readonly { readonly outcome: ReplayOutcome; readonly count: number }[]
  /** Those that would fail again, by what is in the way. */
  readonly failures: readonly { readonly reason: string; readonly detail: string; readonly count: number }[]
  /** Intents of the events that would be accepted. */
  readonly intents: readonly { readonly kind: string; readonly count: number }[]
  /** How many different people these intents are about. */
  readonly people: number
}

/** Counts what each letter would do by itself; an effect that two of them share is counted with both. */
export function previewOf(replayed: readonly Replayed[]): ReplayPreview {
  const resolved = replayed.filter((one) => one.is === 'resolved')
  const failed = replayed.filter((one) => one.is === 'failed')
  const drafts = resolved.flatMap(({ outcome, event }) => (outcome === 'accepted' ? (event?.drafts ?? []) : []))
  return {
    count: replayed.length,
    outcomes: tally(resolved, ({ outcome }) => outcome).map(([outcome, count]) => ({ outcome, count })),
    failures: tally(failed, ({ failure }) => `${failure.reason}\n${failure.detail}`).map(([key, count]) => {
      const [reason = '', detail = ''] = key.split('\n')
      return { reason, detail, count }
    }),
    intents: tally(drafts, ({ kind }) => kind).map(([kind, count]) => ({ kind, count })),
    people: new Set(drafts.flatMap(({ userId }) => userId ?? [])).size,
  }
}

/** The most frequent first. */
function tally<Item, Key extends string>(items: readonly Item[], keyOf: (item: Item) => Key): readonly (readonly [Key, number])[] {
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
export function previewSentences({ count, outcomes, failures, intents, people }: ReplayPreview): readonly string[] {
  return [
    `${letters(count)} would be replayed:`,
    ...outcomes.map((one) => `  ${one.count} ${words[one.outcome]}.`),
    ...failures.map((one) => `  ${one.count} would fail again as ${one.reason}: ${one.detail}.`),
    ...(intents.length === 0
      ? []
      : [
          `Intents: ${intents.map((one) => `${one.count} ${one.kind}`).join(', ')}, about ${people} ${people === 1 ? 'person' : 'people'}.`,
        ]),
  ]
}

/** Such as `1 dead letter`. */
export function letters(count: number): string {
  return `${count} dead ${count === 1 ? 'letter' : 'letters'}`
}
