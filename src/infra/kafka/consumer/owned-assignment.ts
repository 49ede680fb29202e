import type { Assignment } from '../../../ingest/record-source.ts'

/** What this member owns, with where each partition goes on. */
export class OwnedAssignment implements Assignment {
  readonly epoch: number
  readonly topic: string
  readonly partitions: readonly number[]
  readonly memberId: string
  readonly signal: AbortSignal
  readonly #ending = new AbortController()
  readonly #positions = new Map<number, Position>()

  constructor(owned: { epoch: number; topic: string; partitions: readonly number[]; memberId: string }) {
    this.epoch = owned.epoch
    this.topic = owned.topic
    this.partitions = owned.partitions
    this.memberId = owned.memberId
    this.signal = this.#ending.signal
  }

  get ended(): boolean {
    return this.signal.aborted
  }

  /** Aborts the signal; false when it had ended before. */
  end(reason: string): boolean {
    if (this.ended) return false
    this.#ending.abort(new Error(reason))
    return true
  }

  /** Partitions with a start position. */
  placed(): number[] {
    return [...this.#positions.keys()]
  }

  position(partition: number): bigint | undefined {
    return this.#positions.get(partition)?.next
  }

  moveTo(partition: number, next: bigint): void {
    this.#positions.set(partition, { next, skippedTo: next })
  }

  /** kafkajs itself passes a batch that holds nothing for us (control records, compaction) up to `next`. */
  skipTo(partition: number, next: bigint): void {
    const position = this.#positions.get(partition)
    if (position && next > position.next) position.skippedTo = next
  }

  /** Whether a batch fetched from `offset` is the next one: not from before a seek, nor from where an offset reset led. */
  continuesAt(partition: number, offset: bigint): boolean {
    const position = this.#positions.get(partition)
    return position !== undefined && (offset === position.next || offset === position.skippedTo)
  }
}

interface Position {
  readonly next: bigint
  skippedTo: bigint
}
