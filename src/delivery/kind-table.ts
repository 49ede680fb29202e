import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { AnyIntentKind, IntentKind } from '../model/intent-kind.ts'

/** The kinds that a group knows, by what its intents carry. */
export interface KindTable {
  of(intent: Pick<Intent, 'kind' | 'version' | 'channel'>): IntentKind | null
  /** Channels that any kind uses, the first kind's first. */
  readonly channels: readonly ChannelName[]
  /** What may be claimed from a channel. */
  known(channel: ChannelName): readonly { readonly kind: string; readonly version: number }[]
}

export function createKindTable(kinds: readonly AnyIntentKind[]): KindTable {
  const table = new Map(kinds.map((kind) => [keyOf(kind), kind]))
  return {
    of: (intent) => table.get(keyOf(intent)) ?? null,
    channels: [...new Set(kinds.map((kind) => kind.channel))],
    known: (channel) => kinds.filter((kind) => kind.channel === channel).map(({ kind, version }) => ({ kind, version })),
  }
}

function keyOf({ kind, version, channel }: Pick<Intent, 'kind' | 'version' | 'channel'>): string {
  return `${channel}/${kind}/${version}`
}
