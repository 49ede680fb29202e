import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'
import type { LocalQueue } from './local-queue.ts'

/** One worker of so many, and of fewer the only one, may have intents of replays. */
const REPLAY_SHARE = 4

/** How many intents of replays one group of this process may hold, and of which channels more of them are due than that. */
export class ReplayShare {
  readonly #most: number
  readonly #queue: Pick<LocalQueue, 'ofReplays'>
  readonly #more = new Set<ChannelName>()

  constructor(poolSize: number, queue: Pick<LocalQueue, 'ofReplays'>) {
    this.#most = Math.max(1, Math.floor(poolSize / REPLAY_SHARE))
    this.#queue = queue
  }

  /** How many more may be held. */
  get room(): number {
    return Math.max(0, this.#most - this.#queue.ofReplays)
  }

  /** The channel had more of them than there was room for, and there is room again. */
  mayHaveMore(channel: ChannelName): boolean {
    return this.#more.has(channel) && this.room > 0
  }

  /**
   * After a claim with `room` for them: whether there was room for all that were due. Without it some may be left for any destination.
   *
   * @param isAll the claim passed nobody over, and nothing else was left.
   */
  claimed(channel: ChannelName, room: number, intents: readonly Intent[], isAll: boolean): boolean {
    const hadRoom = intents.filter((intent) => intent.class === 'replay').length < room
    if (room > 0 && !hadRoom) this.#more.add(channel)
    else if (room > 0 && isAll) this.#more.delete(channel)
    return hadRoom
  }
}
