import { isNewerClaim } from '../model/claim-order.ts'
import type { Intent } from '../model/intent.ts'
import type { ChannelName } from '../model/messages.ts'

interface Line {
  readonly key: string
  readonly channel: ChannelName
  readonly destination: string
  /** First to last. */
  intents: Map<string, Intent>
}

/** Whether the destination is quick and has no permit beside `claimed` deliveries. */
type IsFull = (channel: ChannelName, destination: string, claimed: number) => boolean

/** Intents that wait without a worker until their destination has a permit, in one line for each. */
export class DestinationLines {
  /** Those in which somebody waits. */
  readonly #lines = new Map<string, Line>()
  /** Of all that wait, and of those that have begun again. */
  readonly #lineOf = new WeakMap<Intent, Line>()
  /** How many of each line have begun and not ended. */
  readonly #begun = new Map<string, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** At the end of the line; one that has waited there before, at its head: another took its permit. */
  add(intent: Intent, destination: string): void {
    const key = keyOf(intent.channel, destination)
    const line = this.#lines.get(key) ?? { key, channel: intent.channel, destination, intents: new Map() }
    // A claim whose lease was over, or that a failover has lost, is followed by another of the same intent: only the last can still start it.
    const other = line.intents.get(intent.id)
    if (other !== undefined && isNewerClaim(other.claim, intent.claim)) return
    if (!line.intents.delete(intent.id)) this.#size += 1
    if (this.#lineOf.get(intent)?.key === key) line.intents = new Map([[intent.id, intent], ...line.intents])
    else line.intents.set(intent.id, intent)
    this.#lines.set(key, line)
    this.#lineOf.set(intent, line)
  }

  has(intent: Intent): boolean {
    return this.#lineOf.get(intent)?.intents.has(intent.id) === true
  }

  /** Takes it out of its line, where it waits in one. */
  begin(intent: Intent): void {
    this.delete(intent)
    this.#countBegun(intent, 1)
  }

  /** To be called before the intent is added to a line again. */
  end(intent: Intent): void {
    this.#countBegun(intent, -1)
  }

  /** False where it waits in no line. */
  delete(intent: Intent): boolean {
    const line = this.#lineOf.get(intent)
    if (line?.intents.delete(intent.id) !== true) return false
    if (line.intents.size === 0) this.#lines.delete(line.key)
    this.#size -= 1
    return true
  }

  lengthOf(channel: ChannelName, destination: string): number {
    return this.#lines.get(keyOf(channel, destination))?.intents.size ?? 0
  }

  /** As it is known since the intent has waited in line, or was claimed. */
  destinationOf(intent: Intent): string | null {
    return this.#lineOf.get(intent)?.destination ?? intent.destination
  }

  *all(): Iterable<Intent> {
    for (const { intents } of this.#lines.values()) yield* intents.values()
  }

  /** Those whose destination may have one more delivery beside those that have begun, perhaps without a permit yet; line by line. */
  *ready(isFull: IsFull): Iterable<Intent> {
    for (const { key, channel, destination, intents } of this.#lines.values()) {
      if (!isFull(channel, destination, this.#begun.get(key) ?? 0)) yield* intents.values()
    }
  }

  /** Only those count that have waited in a line: of the others the destination is not known. */
  #countBegun(intent: Intent, more: number): void {
    const key = this.#lineOf.get(intent)?.key
    if (key === undefined) return
    const begun = (this.#begun.get(key) ?? 0) + more
    if (begun === 0) this.#begun.delete(key)
    else this.#begun.set(key, begun)
  }
}

function keyOf(channel: ChannelName, destination: string): string {
  return `${channel} ${destination}`
}
