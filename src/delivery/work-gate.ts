import type { Intent } from '../model/intent.ts'
import { PAUSED, type Pause } from '../model/pause.ts'
import type { ChannelName } from '../model/messages.ts'
import type { IntentStore } from './intent-store.ts'

/**
 * Which intents of one group operators have paused. An intent that a pause covers does not begin: it goes back untouched, and no attempt is
 * counted. An attempt that has begun is finished.
 */
export interface WorkGate {
  /** Replaces the pauses of the group. `more`: some are new, and may cover what waits in memory; `fewer`: some are over, and none is new. */
  set(pauses: readonly Pause[]): 'same' | 'more' | 'fewer'
  /** Nothing is paused. */
  readonly isOpen: boolean
  /** The group, or this channel of it, is paused: nothing of it is claimed. */
  isClosed(channel: ChannelName): boolean
  /** Deliveries to this endpoint are paused. */
  isDestinationPaused(destination: string): boolean
  /** Reads the event types of these intents where a pause depends on them. Throws SqlError. */
  learn(intents: readonly Intent[]): Promise<void>
  /**
   * The pause that covers the intent, whose types must have been learned; null when none does.
   *
   * @param destination where it goes, as far as that is known
   */
  pauseOf(intent: Intent, destination?: string | null): Pause | null
}

/** @param store reads the event types of intents */
export function createWorkGate(store: Pick<IntentStore, 'eventTypes'>): WorkGate {
  let pauses: readonly Pause[] = []
  /** Null: the event, or what was decided about it, is no longer on record. */
  const types = new WeakMap<Intent, string | null>()
  const find = (scope: Pause['scope'], target: string) => pauses.find((pause) => pause.scope === scope && pause.target === target)
  const ofGroup = () => pauses.find(({ scope }) => scope === 'group')

  function typePause(intent: Intent): Pause | null {
    const type = types.get(intent)
    const found = type === undefined || type === null ? undefined : find('type', type)
    if (found !== undefined) return found
    // Its event was forgotten while it was paused: it stays paused until the type that it may be of is resumed.
    const isForgotten = (type ?? null) === null && intent.eventId !== null && intent.reason === PAUSED
    return (isForgotten ? pauses.find(({ scope }) => scope === 'type') : undefined) ?? null
  }

  return {
    set(next) {
      const known = new Set(pauses.map(({ id }) => id))
      pauses = next
      if (next.some(({ id }) => !known.has(id))) return 'more'
      return next.length < known.size ? 'fewer' : 'same'
    },
    get isOpen() {
      return pauses.every(({ scope }) => scope === 'partition')
    },
    isClosed: (channel) => ofGroup() !== undefined || find('channel', channel) !== undefined,
    isDestinationPaused: (destination) => find('destination', destination) !== undefined,
    async learn(intents) {
      if (!pauses.some(({ scope }) => scope === 'type')) return
      const unknown = intents.filter((intent) => intent.eventId !== null && !types.has(intent))
      if (unknown.length === 0) return
      const found = await store.eventTypes(unknown)
      for (const intent of unknown) types.set(intent, found.get(intent.eventId ?? '') ?? null)
    },
    pauseOf(intent, destination = intent.destination) {
      if (pauses.length === 0) return null
      return (
        ofGroup() ??
        find('channel', intent.channel) ??
        find('campaign', intent.campaignId) ??
        (destination === null ? undefined : find('destination', destination)) ??
        typePause(intent)
      )
    },
  }
}
