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
  /** Ids of the events that were given up, by `partition/offset`; null where none could be read. */
  readonly deadLetters = new Map<string, string | null>()
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
    const recorded = this.#record(chunk)
    if (recorded.conflicts.length > 0) return { is: 'conflict', offsets: recorded.conflicts }
    await this.#project(chunk, recorded.fresh)
    const result = this.#write(chunk, row, recorded)
    const lost = this.losesAnswer(chunk)
    if (lost instanceof Error) throw lost
    return result
  }

  /** It writes nothing that the store could take back. */
  async #project({ project }: Chunk, fresh: readonly AcceptedEvent[]): Promise<void> {
    const events = fresh.flatMap(({ event }) => event ?? [])
    if (project === undefined || events.length === 0) return
    try {
      await project(events, noSql)
    } catch (error) {
      throw new ProjectionFailed(error)
    }
  }

  async rehearse(project: Project, event: AnyEvent): Promise<void> {
    await project([event], noSql)
  }

  #record(chunk: Chunk): Recorded {
    const projecting = chunk.project !== undefined
    const known = new Map(
      [...this.outcomes].filter(([, { outcome }]) => !(projecting && outcome === 'dead-letter')).map(([id, { hash }]) => [id, hash]),
    )
    const conflicts: bigint[] = []
    const fresh: AcceptedEvent[] = []
    const outcomes = new Map<bigint, EventOutcome>()
    for (const event of chunk.events) {
      const id = event.eventId.toLowerCase()
      const hash = hex(event.contentHash)
      const before = known.get(id)
      if (projecting && this.deadLetters.get(`${chunk.partition}/${event.offset}`) === id) outcomes.set(event.offset, 'repeated')
      else if (before === undefined) {
        known.set(id, hash)
        fresh.push(event)
        outcomes.set(event.offset, !projecting && event.drafts.length === 0 ? 'no-effect' : 'accepted')
      } else if (before === hash) outcomes.set(event.offset, 'repeated')
      else conflicts.push(event.offset)
    }
    return { conflicts, fresh, outcomes }
  }

  #write(chunk: Chunk, row: ProgressRow, { fresh, outcomes }: Recorded): AcceptResult {
    let intents = 0
    for (const event of fresh) {
      const unspent = event.drafts.filter((draft) => !this.intents.has(draft.key))
      if (unspent.length === 0 && event.drafts.length > 0) outcomes.set(event.offset, 'duplicate')
      for (const draft of unspent) this.intents.set(draft.key, draft)
      intents += unspent.length
      const outcome = outcomes.get(event.offset) ?? 'accepted'
      this.outcomes.set(event.eventId.toLowerCase(), { hash: hex(event.contentHash), outcome })
    }
    let deadLetters = 0
    for (const { offset, eventId, contentHash } of chunk.passed) {
      const position = `${chunk.partition}/${offset}`
      const id = eventId?.toLowerCase() ?? null
      if (!this.deadLetters.has(position)) deadLetters++
      this.deadLetters.set(position, this.deadLetters.get(position) ?? id)
      if (id !== null && contentHash !== null && !this.outcomes.has(id))
        this.outcomes.set(id, { hash: hex(contentHash), outcome: 'dead-letter' })
    }
    this.rows.set(chunk.partition, { ...row, next: chunk.next, ...(chunk.last === undefined ? {} : { last: chunk.last }) })
    return { is: 'accepted', outcomes, deadLetters, intents, claimed: [] }
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

  /** Sets the row of a partition, whatever it was. */
  put(partition: number, next: bigint): void {
    this.rows.set(partition, { partition, next, exemptBelow: 0n })
  }
}

interface Recorded {
  readonly conflicts: readonly bigint[]
  readonly fresh: readonly AcceptedEvent[]
  readonly outcomes: Map<bigint, EventOutcome>
}

const hex = (hash: Uint8Array) => Buffer.from(hash).toString('hex')
