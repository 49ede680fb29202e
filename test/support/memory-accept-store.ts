import { ProjectionFailed, type Project } from '../../src/model/projection.ts'
import type { AnyEvent } from '../../src/events/event.ts'
import type { Sql } from '../../src/std/sql.ts'
import type { IntentDraft } from '../../src/model/intent.ts'
import type {
  AcceptedEvent,
  AcceptResult,
  AcceptStore,
  Chunk,
  EventOutcome,
  ProgressMove,
  ProgressRow,
} from '../../src/ingest/accept-store.ts'

const noSql: Sql = { query: () => Promise.reject(new Error('The store in memory has no SQL.')) }

/**
 * The accept store of one group and topic in memory. It compares and sets rows, knows outcomes by id and content, and writes
 * all of a chunk or nothing, as the real one does (test/contract/postgres/accept-store.test.ts).
 */
export class MemoryAcceptStore implements AcceptStore {
  readonly rows = new Map<number, ProgressRow>()
  readonly outcomes = new Map<string, { readonly hash: string; readonly outcome: EventOutcome }>()
  readonly intents = new Map<string, IntentDraft>()
  readonly deadLetters = new Set<string>()
  /** Every chunk that was tried, in order. */
  readonly tried: Chunk[] = []
  /** What the database says no with before anything of the chunk is written; null lets it pass. */
  refuses: (chunk: Chunk) => unknown = () => null
  /** What happens to the answer after the commit: an error loses it. */
  losesAnswer: (chunk: Chunk) => unknown = () => null
  /** Waited for before anything is looked at: holds an accept under way. */
  gate: Promise<void> = Promise.resolve()
  /** Thrown by everything but accept while it is set. */
  away: Error | null = null

  async accept(chunk: Chunk): Promise<AcceptResult> {
    this.tried.push(chunk)
    await this.gate
    const refused = this.refuses(chunk)
    if (refused instanceof Error) throw refused
    const row = this.rows.get(chunk.partition)
    if (row === undefined || row.next !== chunk.expected) return { is: 'moved', row: row?.next ?? null }
    await this.#project(chunk)
    const result = this.#write(chunk, row)
    const lost = this.losesAnswer(chunk)
    if (lost instanceof Error) throw lost
    return result
  }

  /** For the events that are new; it writes nothing that the store could take back. */
  async #project({ project, events }: Chunk): Promise<void> {
    const fresh = events.filter(({ eventId }) => !this.outcomes.has(eventId)).flatMap(({ event }) => event ?? [])
    if (project === undefined || fresh.length === 0) return
    await project(fresh, noSql).catch((error: unknown) => {
      throw new ProjectionFailed(error)
    })
  }

  async rehearse(project: Project, event: AnyEvent): Promise<void> {
    await project([event], noSql)
  }

  #write(chunk: Chunk, row: ProgressRow): AcceptResult {
    const known = new Map([...this.outcomes].map(([id, { hash }]) => [id, hash]))
    const conflicts: bigint[] = []
    const fresh: AcceptedEvent[] = []
    const outcomes = new Map<bigint, EventOutcome>()
    for (const event of chunk.events) {
      const hash = Buffer.from(event.contentHash).toString('hex')
      const before = known.get(event.eventId)
      if (before === undefined) {
        known.set(event.eventId, hash)
        fresh.push(event)
        outcomes.set(event.offset, event.drafts.length === 0 ? 'no-effect' : 'accepted')
      } else if (before === hash) outcomes.set(event.offset, 'repeated')
      else conflicts.push(event.offset)
    }
    if (conflicts.length > 0) return { is: 'conflict', offsets: conflicts }

    let intents = 0
    for (const event of fresh) {
      const unspent = event.drafts.filter((draft) => !this.intents.has(draft.key))
      if (unspent.length === 0 && event.drafts.length > 0) outcomes.set(event.offset, 'duplicate')
      for (const draft of unspent) this.intents.set(draft.key, draft)
      intents += unspent.length
      const outcome = outcomes.get(event.offset) ?? 'accepted'
      this.outcomes.set(event.eventId, { hash: Buffer.from(event.contentHash).toString('hex'), outcome })
    }
    const passed = chunk.passed.map(({ offset }) => `${chunk.partition}/${offset}`).filter((position) => !this.deadLetters.has(position))
    for (const position of passed) this.deadLetters.add(position)
    this.rows.set(chunk.partition, { ...row, next: chunk.next, ...(chunk.last === undefined ? {} : { last: chunk.last }) })
    return { is: 'accepted', outcomes, deadLetters: passed.length, intents, claimed: [] }
  }

  async readProgress(): Promise<readonly ProgressRow[]> {
    if (this.away !== null) throw this.away
    return [...this.rows.values()]
  }

  async createProgress(_group: string, _topic: string, rows: readonly ProgressRow[]): Promise<void> {
    if (this.away !== null) throw this.away
    for (const row of rows) if (!this.rows.has(row.partition)) this.rows.set(row.partition, row)
  }

  async learnTopic(_group: string, _topic: string, topicId: string): Promise<void> {
    for (const [partition, row] of this.rows) if (row.topicId === undefined) this.rows.set(partition, { ...row, topicId })
  }

  async advance(_group: string, _topic: string, moves: readonly ProgressMove[]): Promise<readonly number[]> {
    await this.gate
    if (this.away !== null) throw this.away
    return moves.flatMap(({ partition, expected, next, last }) => {
      const row = this.rows.get(partition)
      if (row === undefined || row.next !== expected) return []
      this.rows.set(partition, { ...row, next, ...(last === undefined ? {} : { last }) })
      return [partition]
    })
  }

  /** Puts the row of a partition somewhere, whoever was there before. */
  put(partition: number, next: bigint): void {
    this.rows.set(partition, { partition, next, exemptBelow: 0n })
  }
}
