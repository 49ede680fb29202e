import type { ConsumerFailure } from './crash-loop-breaker.ts'
import { SqlError } from '../std/sql.ts'
import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import type { Tracer } from '../std/tracer.ts'
import { correlationIdInHeaders } from '../events/correlation.ts'
import { ProjectionFailed, type Project } from '../model/projection.ts'
import type { OpenReservation } from '../model/reservation.ts'
import type { AcceptResult, AcceptStore, Chunk, EventOutcome, LastRecord } from './accept-store.ts'
import type { DeadLetter, DeadLetterSink } from './dead-letter.ts'
import type { Observe } from '../model/fact.ts'
import { lastRecordOf, type FaultyRecord, type ReadChunk } from './read-chunks.ts'
import { causeOf, describeFault, classifyFault } from '../model/fault-policy.ts'

export interface Acceptor {
  readonly group: string
  readonly topic: string
  readonly store: Pick<AcceptStore, 'accept'>
  readonly deadLetters: DeadLetterSink
  readonly clock: Clock
  readonly observe: Observe
  /** Absent where tracing is off. */
  readonly tracer?: Tracer | undefined
  /** Limits how many accepts of the group run concurrently. */
  limit<Result>(work: () => Promise<Result>): Promise<Result>
  /** Of a projecting group: writes rows of its own with the events. */
  readonly project?: Project
  /** Of a projecting group: its own code or SQL failed on an event, which is about to become a dead letter. */
  readonly onProjectionFailed?: (partition: number, offset: bigint, failure: ConsumerFailure) => void
  /** Of a projecting group: it is paused for its own code, and no further event is given up. */
  readonly isPaused?: () => boolean
  /** Reserves free workers of this process, for which the accept claims intents right away. */
  reserve(): OpenReservation
}

/** `upTo`: only the records below are written, because the group was paused or the assignment ended; the rest is read again later. */
export type Accepted = Extract<AcceptResult, { is: 'accepted' }> & { readonly upTo?: bigint }

/** `ended`: the assignment ended before any of the chunk was written; nothing is lost, the next owner starts at the progress row. */
export type ChunkResult = Accepted | { readonly is: 'moved'; readonly row: bigint | null } | { readonly is: 'ended' }

type Letter = DeadLetter & FaultyRecord

interface ChunkContext {
  readonly partition: number
  readonly expected: bigint
  /** Offsets below were accepted before and lost by the database. */
  readonly recoverBelow: bigint
  readonly signal: AbortSignal
}

/**
 * Writes one chunk: dead letters are published and acknowledged first, then one transaction writes the rest. When an event may be
 * poison, the chunk is split and written event by event; a transient error is retried, with heartbeats going, until it succeeds or the
 * assignment ends.
 */
export async function acceptChunk(acceptor: Acceptor, context: ChunkContext, chunk: ReadChunk): Promise<ChunkResult> {
  const events = new Map(chunk.events.map((event) => [event.record.offset, event]))
  const passed = new Map<bigint, Letter>()
  for (const faulty of chunk.faulty) passed.set(faulty.record.offset, deadLetterOf(acceptor, context, faulty))
  const unpublished = new Set(passed.keys())

  if (chunk.faulty.some(needsProof)) {
    const probe = await probeAccept(acceptor, context)
    if (probe.is !== 'accepted') return probe
  }
  const isSuspect = events.size > 0 ? mayBePoison : neverSuspect
  const end = await retryWhileTransient(acceptor, context, isSuspect, async () => {
    for (;;) {
      await acceptor.deadLetters.publish([...unpublished].flatMap((offset) => passed.get(offset) ?? []))
      unpublished.clear()
      const result = await write(acceptor, {
        group: acceptor.group,
        topic: acceptor.topic,
        partition: context.partition,
        expected: context.expected,
        next: chunk.next,
        ...lastIn(chunk),
        recoverBelow: context.recoverBelow,
        events: [...events.values()].map((event) => event.accepted),
        passed: [...passed.values()].map((letter) => ({ ...letter, offset: letter.record.offset })),
      })
      if (result.is !== 'conflict') return result
      for (const offset of result.offsets) {
        const event = events.get(offset)
        if (event === undefined) continue
        events.delete(offset)
        unpublished.add(offset)
        passed.set(
          offset,
          deadLetterOf(acceptor, context, {
            ...event.accepted,
            record: event.record,
            reason: 'id-conflict',
            detail: 'its id is on record for another event',
          }),
        )
      }
    }
  })
  if (end.is === 'accepted') {
    for (const letter of passed.values()) reportDeadLetter(acceptor, context, letter)
    return { ...end, outcomes: new Map([...end.outcomes, ...[...passed.keys()].map((offset) => [offset, 'dead-letter'] as const)]) }
  }
  if (end.is !== 'fault') return end
  const [first] = chunk.events
  return first !== undefined && chunk.events.length + chunk.faulty.length === 1
    ? retryAlone(acceptor, context, chunk, first)
    : acceptOneByOne(acceptor, context, chunk)
}

const mayBePoison = (error: unknown) =>
  (error instanceof ProjectionFailed ? classifyFault('project', error.cause) : classifyFault('accept', error)) !== 'transient'
const neverSuspect = () => false

/** A decoding fault depends on the bytes alone; an error of the consumer may come from the state of this process. */
function needsProof({ failure }: FaultyRecord): boolean {
  return classifyFault(failure === undefined ? 'decode' : 'decide', failure?.error) === 'poison-if-reproducible'
}

/** Accepts nothing but the unchanged progress row, which proves that the database is able to accept. */
async function probeAccept(acceptor: Acceptor, context: ChunkContext): Promise<ChunkResult> {
  const { group, topic } = acceptor
  const { partition, expected, recoverBelow } = context
  const nothing = { group, topic, partition, expected, next: expected, recoverBelow, events: [], passed: [] }
  const end = await retryWhileTransient(acceptor, context, neverSuspect, () => write(acceptor, nothing))
  // Impossible without events: no error is suspect, and no event id can conflict.
  if (end.is === 'fault' || end.is === 'conflict') throw new Error(`an accept of nothing ended as ${end.is}`)
  return end
}

/** The chunk may hold a poison event: writes every event in a chunk of its own, in log order. */
async function acceptOneByOne(acceptor: Acceptor, context: ChunkContext, chunk: ReadChunk): Promise<ChunkResult> {
  const records = [...chunk.events, ...chunk.faulty].sort((a, b) => (a.record.offset < b.record.offset ? -1 : 1))
  let expected = context.expected
  const outcomes = new Map<bigint, EventOutcome>()
  let deadLetters = 0
  let intents = 0
  for (const [index, record] of records.entries()) {
    // Records accepted so far stay accepted; the rest is read again when the group resumes.
    if (acceptor.project !== undefined && acceptor.isPaused?.() === true)
      return { is: 'accepted', outcomes, deadLetters, intents, claimed: [], upTo: expected }
    const next = records[index + 1]?.record.offset ?? chunk.next
    const last = index === records.length - 1 ? lastIn(chunk) : lastRecordOf(record.record)
    const alone: ReadChunk =
      'accepted' in record
        ? { next, ...last, events: [record], faulty: [], skipped: none }
        : { next, ...last, events: [], faulty: [record], skipped: none }
    const end = await acceptChunk(acceptor, { ...context, expected }, alone)
    // A stop between two events: what is accepted so far is reported, so that it is committed to Kafka too.
    if (end.is === 'ended' && expected !== context.expected) {
      return { is: 'accepted', outcomes, deadLetters, intents, claimed: [], upTo: expected }
    }
    if (end.is !== 'accepted') return end
    for (const [offset, outcome] of end.outcomes) outcomes.set(offset, outcome)
    deadLetters += end.deadLetters
    intents += end.intents
    if (end.upTo !== undefined) return { is: 'accepted', outcomes, deadLetters, intents, claimed: [], upTo: expected }
    expected = next
  }
  return { is: 'accepted', outcomes, deadLetters, intents, claimed: [] }
}

const none: ReadonlyMap<string, number> = new Map()

function lastIn({ last }: ReadChunk): { last?: LastRecord } {
  return last === undefined ? {} : { last }
}

/** An event failed on its own. If an accept of nothing but the progress row succeeds and the event then fails again, it is poison. */
async function retryAlone(
  acceptor: Acceptor,
  context: ChunkContext,
  chunk: ReadChunk,
  event: ReadChunk['events'][number],
): Promise<ChunkResult> {
  const firstFailedAt = new Date(acceptor.clock.now())
  const probe = await probeAccept(acceptor, context)
  if (probe.is !== 'accepted') return probe
  const { group, topic } = acceptor
  const { partition, expected, recoverBelow } = context
  const alone = {
    group,
    topic,
    partition,
    expected,
    next: chunk.next,
    ...lastIn(chunk),
    recoverBelow,
    events: [event.accepted],
    passed: [],
  }
  const end = await retryWhileTransient(acceptor, context, mayBePoison, () => write(acceptor, alone))
  if (end.is === 'conflict') return acceptChunk(acceptor, context, chunk)
  if (end.is !== 'fault') return end
  const failed = end.error instanceof ProjectionFailed ? end.error : null
  // The fifth failure paused the group, maybe in another partition: this event is read again when the group goes on.
  if (failed !== null && acceptor.isPaused?.() === true) {
    return { is: 'accepted', outcomes: new Map(), deadLetters: 0, intents: 0, claimed: [], upTo: expected }
  }
  if (failed !== null && event.accepted.event !== undefined) {
    acceptor.onProjectionFailed?.(partition, event.record.offset, { event: event.accepted.event, error: failed })
  }
  const faulty: FaultyRecord = {
    ...event.accepted,
    record: event.record,
    reason: failed !== null && !(failed.cause instanceof SqlError) ? 'consumer-error' : 'database-rejected',
    detail: describeFault(end.error),
    firstFailedAt,
    attempts: 2,
  }
  return acceptChunk(acceptor, context, { ...chunk, events: [], faulty: [faulty] })
}

async function write(acceptor: Acceptor, chunk: Omit<Chunk, 'reservation'>): Promise<AcceptResult> {
  return acceptor.limit(async () => {
    const open = acceptor.reserve()
    let result: AcceptResult | null = null
    try {
      result = await acceptor.store.accept({ ...chunk, reservation: open.reservation, project: acceptor.project })
      const stale = result.is === 'accepted' ? (result.stale ?? []) : []
      for (const some of stale) acceptor.observe({ is: 'skipped-at-accept', group: acceptor.group, reason: 'stale', ...some })
      return result
    } finally {
      open.release(result?.is === 'accepted' ? result : null)
    }
  })
}

/**
 * Retries until `work` succeeds, fails with a suspect error, or the assignment ends. A connection lost at COMMIT leaves the outcome of
 * the transaction unknown: the next attempt finds the progress row at the end of this chunk and continues there.
 */
async function retryWhileTransient<Result>(
  acceptor: Acceptor,
  context: ChunkContext,
  isSuspect: (error: unknown) => boolean,
  work: () => Promise<Result>,
): Promise<Result | { is: 'ended' } | { is: 'fault'; error: unknown }> {
  for (let attempt = 1; ; attempt++) {
    if (context.signal.aborted) return { is: 'ended' }
    try {
      const result = await work()
      if (attempt > 1) acceptor.observe({ is: 'resumed', group: acceptor.group, partition: context.partition })
      return result
    } catch (error) {
      if (isSuspect(error)) return { is: 'fault', error }
      // A `waiting` reported now would never be followed by `resumed`.
      if (context.signal.aborted) return { is: 'ended' }
      const retryInMs = backoff(attempt, { baseMs: 100, maxMs: 5_000 })
      acceptor.observe({ is: 'waiting', group: acceptor.group, partition: context.partition, cause: causeOf(error), retryInMs, attempt })
      await acceptor.clock.sleep(retryInMs, context.signal)
    }
  }
}

function deadLetterOf(acceptor: Acceptor, context: ChunkContext, faulty: FaultyRecord): Letter {
  const now = new Date(acceptor.clock.now())
  return {
    record: faulty.record,
    eventId: faulty.eventId,
    type: faulty.type,
    campaignId: faulty.campaignId ?? null,
    contentHash: faulty.contentHash,
    reason: faulty.reason,
    detail: faulty.detail,
    topic: acceptor.topic,
    partition: context.partition,
    group: acceptor.group,
    attempts: faulty.attempts ?? 1,
    firstFailedAt: faulty.firstFailedAt ?? now,
    lastFailedAt: now,
  }
}

function reportDeadLetter(acceptor: Acceptor, context: ChunkContext, letter: Letter): void {
  acceptor.observe({
    is: 'dead-lettered',
    group: acceptor.group,
    topic: acceptor.topic,
    partition: context.partition,
    offset: letter.record.offset,
    eventId: letter.eventId,
    correlationId: letter.correlationId ?? correlationIdInHeaders(letter.record),
    type: letter.type,
    reason: letter.reason,
    detail: letter.detail,
  })
}
