import type { Assignment } from '../../../ingest/record-source.ts'

/** The partitions this member owns, with the next offset of each. */
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

  /** Aborts the signal; false when it had already ended. */
  end(reason: string): boolean {
    if (this.ended) return false
    this.#ending.abort(new Error(reason))
    return true
  }

  /** Partitions with a start offset. */
  startedPartitions(): number[] {
    return [...this.#positions.keys()]
  }

  nextOffset(partition: number): bigint | undefined {
    return this.#positions.get(partition)?.next
  }

  moveTo(partition: number, next: bigint): void {
    this.#positions.set(partition, { next, skippedTo: next })
  }

  /** kafkajs itself skips a batch without records for the application (control records, compaction) up to `next`. */
  passTo(partition: number, next: bigint): void {
    const position = this.#positions.get(partition)
    if (position && next > position.next) position.skippedTo = next
  }

  /** Whether a batch fetched from `offset` is the next one: not one from before a seek, nor one after an offset reset by kafkajs. */
  continuesAt(partition: number, offset: bigint): boolean {
    const position = this.#positions.get(partition)
    return position !== undefined && (offset === position.next || offset === position.skippedTo)
  }
}

interface Position {
  readonly next: bigint
  skippedTo: bigint
}
