import type { Assignment, LogRecord, RecordSource, SourceHandlers, ClientActivity } from '../../src/ingest/record-source.ts'

/** A log in the test's hand: it joins, hands over batches and ends assignments when the test says so. */
export class MemorySource implements RecordSource {
  readonly #ended = Promise.withResolvers<void>()
  readonly ended = this.#ended.promise
  readonly calls: string[] = []
  /** Signs of life so far; null: it does not run. */
  beats: number | null = null
  readonly committed: Record<number, bigint>[] = []
  /** Where the partitions started after each {@link restartAssignment}. */
  readonly placed: Record<number, bigint>[] = []
  #handlers: SourceHandlers | null = null
  #assignment: { assignment: Assignment; end: AbortController } | null = null
  #epoch = 0
  #stopping = false

  async start(handlers: SourceHandlers): Promise<void> {
    this.#handlers = handlers
    this.calls.push('start')
  }

  /** Joins the group again; returns where each partition starts. */
  async join(...partitions: readonly number[]): Promise<Record<number, bigint>> {
    this.#assignment?.end.abort()
    const end = new AbortController()
    const assignment = { epoch: ++this.#epoch, topic: 'domain-events', partitions, signal: end.signal }
    this.#assignment = { assignment, end }
    const positions = await this.#reported.assigned(assignment)
    return Object.fromEntries(positions)
  }

  /** Hands over a batch of the current assignment, or of `assignment`; gives where the partition goes on. */
  batch(partition: number, records: readonly LogRecord[], nextOffset: number, assignment = this.assignment): Promise<bigint> {
    const batch = { topic: 'domain-events', partition, records, nextOffset: BigInt(nextOffset), highWatermark: 1_000n, assignment }
    return this.#reported.batch(batch)
  }

  /** Nothing of what the log holds there is ever delivered. */
  pass(partition: number, from: number, next: number): void {
    this.#reported.report({ is: 'passed', partition, from: BigInt(from), next: BigInt(next) })
  }

  /** The group has another owner, or the session is over. */
  endAssignment(): void {
    this.#assignment?.end.abort()
  }

  /** The client cannot recover by itself. */
  lose(error: Error): void {
    this.#ended.reject(error)
  }

  get assignment(): Assignment {
    if (this.#assignment === null) throw new Error('join first')
    return this.#assignment.assignment
  }

  get #reported(): SourceHandlers {
    if (this.#handlers === null) throw new Error('start first')
    return this.#handlers
  }

  activity(): ClientActivity | null {
    return this.beats === null ? null : { fetches: this.beats, heartbeats: this.beats, withinMs: 1_000 }
  }

  pause(): void {
    this.calls.push('pause')
  }

  resume(): void {
    this.calls.push('resume')
  }

  hold(partitions: ReadonlySet<number>): void {
    this.calls.push(`hold ${[...partitions].join(' ')}`)
  }

  restartAssignment(): void {
    this.calls.push('replace')
    void this.join(...this.assignment.partitions).then(
      (positions) => this.placed.push(positions),
      () => undefined,
    )
  }

  async commit(assignment: Assignment, offsets: ReadonlyMap<number, bigint>): Promise<boolean> {
    if (assignment.signal.aborted) return false
    this.committed.push(Object.fromEntries(offsets))
    return true
  }

  async stop(flush?: () => Promise<void>): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    await flush?.()
    this.calls.push('stop')
    this.endAssignment()
    this.#ended.resolve()
  }
}
