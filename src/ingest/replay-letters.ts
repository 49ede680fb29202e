import { schemaIdOf, type WriterSchemas } from '../events/framed-value.ts'
import type { Observe } from '../model/fact.ts'
import { classifyFault, describeFault } from '../model/fault-policy.ts'
import type { IntentDraft } from '../model/intent.ts'
import { ProjectionFailed, type Project } from '../model/projection.ts'
import type { Clock } from '../std/clock.ts'
import { SqlError } from '../std/sql.ts'
import type { AcceptedEvent } from './accept-store.ts'
import type { LetterFailure, LetterStore, ReplayOutcome, ReplayResult, RequestedLetter } from './letter-store.ts'
import { readRecord, type FaultyRecord, type RecordReader } from './read-chunks.ts'
import type { LogRecord } from './record-source.ts'
import type { SchemaSource } from './schema-source.ts'

/** A group as far as a replay of its dead letters needs it. */
export interface ReplayingGroup {
  readonly reader: RecordReader & { readonly schemas?: SchemaSource | undefined }
  /** Of a projecting group. */
  readonly project?: Project | undefined
}

/** How the replay of one letter ends. */
export type Replayed =
  | { readonly is: 'resolved'; readonly outcome: ReplayOutcome; readonly event: AcceptedEvent | null }
  | { readonly is: 'failed'; readonly failure: LetterFailure }
  | { readonly is: 'lost' }

/** How many letters are looked up at a time. */
const LOOK = 50
/** A turn begins no letter after so long, and the next one continues; milliseconds. */
export const TURN_MS = 5_000

/**
 * Replays what operators have requested, letter by letter, through the group's own decode, decision and accept: nothing is published, and no
 * other group is concerned. A letter is resolved in the transaction that writes its effects, so that a crash neither loses nor doubles it. An
 * event that fails again is a dead letter once more.
 */
export function createLetterReplayer(of: {
  readonly group: string
  readonly topic: string
  readonly replaying: ReplayingGroup
  /** Whether the group is to take no new work: no letter is begun meanwhile. */
  readonly isHeld: () => boolean
  readonly store: LetterStore
  readonly clock: Clock
  readonly observe: Observe
}): { turn(signal: AbortSignal): Promise<void> } {
  const { group, topic, replaying, isHeld, store, clock, observe } = of

  /** True when there may be more, and time for it. */
  async function replayNext(signal: AbortSignal, until: number): Promise<boolean> {
    if (isHeld()) return false
    const letters = await store.requested(group, topic, LOOK)
    let ended = 0
    for (const letter of letters) {
      if (signal.aborted || isHeld() || clock.monotonic() >= until) return false
      const result = await replayLetter(letter, replaying, (event) => store.replay(letter, event, replaying.project), signal)
      if (result.is === 'lost') continue
      if (result.is === 'failed' && !(await store.fail(letter, result.failure))) continue
      ended++
      report(letter, result)
    }
    return ended > 0 && letters.length === LOOK
  }

  function report({ partition, offset }: RequestedLetter, result: Exclude<Replayed, { is: 'lost' }>): void {
    const { outcome, eventId, type, reason, detail } =
      result.is === 'failed'
        ? { outcome: 'dead-letter' as const, ...result.failure }
        : { outcome: result.outcome, eventId: result.event?.eventId ?? null, type: result.event?.type ?? null, reason: null, detail: null }
    observe({ is: 'dead-letter-replayed', group, topic, partition, offset, eventId, type, outcome, reason, detail })
  }

  return {
    turn: async (signal) => {
      const until = clock.monotonic() + TURN_MS
      while (await replayNext(signal, until));
    },
  }
}

/**
 * Reads one letter as its group does and writes its event by `write`. An error that may be the event's own is its own when it occurs twice; any
 * other is thrown.
 */
export async function replayLetter(
  letter: RequestedLetter,
  { reader }: ReplayingGroup,
  write: (event: AcceptedEvent | null) => Promise<ReplayResult>,
  signal: AbortSignal,
): Promise<Replayed> {
  const schemas = await schemasOf(letter.record, reader.schemas, signal)
  const found = readRecord(reader, letter.record, { isExempt: letter.allowOlder, schemas })
  if (found.is === 'faulty') return { is: 'failed', failure: failureOf(found.faulty) }
  const event = found.is === 'event' ? asReplay(found.accepted) : null
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await write(event)
      if (result.is === 'resolved') return { ...result, event }
      if (result.is === 'lost') return result
      return failed(event, 'id-conflict', 'its id is on record for another event')
    } catch (error) {
      if (!mayBePoison(error)) throw error
      if (attempt === 1) continue
      const isOwn = error instanceof ProjectionFailed && !(error.cause instanceof SqlError)
      return failed(event, isOwn ? 'consumer-error' : 'database-rejected', describeFault(error))
    }
  }
}

function failed(event: AcceptedEvent | null, reason: LetterFailure['reason'], detail: string): Replayed {
  return { is: 'failed', failure: { reason, detail, eventId: event?.eventId ?? null, type: event?.type ?? null } }
}

function failureOf({ reason, detail, eventId, type }: FaultyRecord): LetterFailure {
  return { reason, detail, eventId, type }
}

function mayBePoison(error: unknown): boolean {
  return (error instanceof ProjectionFailed ? classifyFault('project', error.cause) : classifyFault('accept', error)) !== 'transient'
}

/** Live intents of a replay come after the others, and are not too old: an operator wants them. Intents that coalesce stay as they are, so that they find the pending one. */
function asReplay(event: AcceptedEvent): AcceptedEvent {
  const drafts = event.drafts.map((draft): IntentDraft =>
    draft.coalesce === true || (draft.class ?? 'live') !== 'live' ? draft : { ...draft, class: 'replay' },
  )
  return { ...event, drafts }
}

/** Of the value, where it begins with the id of a schema and a registry is configured. */
export async function schemasOf(
  { value }: LogRecord,
  source: SchemaSource | undefined,
  signal: AbortSignal,
): Promise<WriterSchemas | undefined> {
  const id = schemaIdOf(value)
  return id === null || source === undefined ? undefined : new Map([[id, await source.reader(id, signal)]])
}
