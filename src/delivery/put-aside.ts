import type { Intent } from '../model/intent.ts'
import type { Pause } from '../model/pause.ts'
import type { IntentStore } from './intent-store.ts'
import { DAY_MS } from '../std/day.ts'

/** An intent is due again after so long at most, and is set aside again while its pause lasts. Milliseconds. */
const LONGEST_MS = DAY_MS
/** And after so long at least, where the clock of this process is ahead. */
const SHORTEST_MS = 1_000

/** A claimed intent that does not begin because of a pause. */
export interface Held {
  readonly intent: Intent
  readonly pause: Pause
}

/**
 * Releases these claims, and takes their intents and others under the same pauses out of the order of what is due, so that no claim reads past
 * them. Those of a paused group or channel only go back: nothing of it is claimed. Throws SqlError; the intents are due then, or when their
 * leases expire.
 *
 * @param now milliseconds since 1970
 */
export async function putAside(store: Pick<IntentStore, 'release' | 'setAside'>, held: readonly Held[], now: number): Promise<void> {
  if (held.length === 0) return
  await store.release(held.map(({ intent }) => intent.claim))
  const alike = Map.groupBy(held, ({ intent, pause }) => `${pause.id} ${intent.channel} ${intent.class}`)
  for (const [first, ...others] of alike.values()) {
    if (first === undefined || first.pause.scope === 'group' || first.pause.scope === 'channel') continue
    const { pause, intent } = first
    const { group, channel, class: cls } = intent
    // Not due by themselves at the end of the pause: their replay releases them with its ramp.
    const endMs = cls === 'replay' ? Infinity : (pause.until?.getTime() ?? Infinity)
    const forMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, endMs - now))
    await store.setAside({ pause, group, channel, class: cls, ids: [first, ...others].map(({ intent: { id } }) => id), forMs })
  }
}
