import { backoff } from '../std/backoff.ts'
import type { Clock } from '../std/clock.ts'
import type { OpenReservation } from '../model/reservation.ts'
import type { AcceptResult, AcceptStore, Chunk, EventEnding, LastRecord } from './accept-store.ts'
import type { DeadLetter, DeadLetterSink } from './dead-letter.ts'
import type { Observe } from '../model/fact.ts'
import { lastOf, type Faulty, type ReadChunk } from './read-chunks.ts'
import { causeOf, describeFault, classifyFault } from '../model/fault-policy.ts'

export interface Acceptor {
  readonly group: string
  readonly topic: string
  readonly store: AcceptStore
  readonly deadLetters: DeadLetterSink
  readonly clock: Clock
  readonly observe: Observe
  /** Bounds the accepts of the group that run at once. */
  limit<Result>(work: () => Promise<Result>): Promise<Result>
  /** Free workers of this process, for which the accept may claim what it writes. */
  reserve(): OpenReservation
}

export type Accepted = Extract<AcceptResult, { is: 'accepted' }>

/** `ended`: the assignment ended before the chunk was written; nothing is lost, its next owner starts at the row. */
export type ChunkEnd = Accepted | { readonly is: 'moved'; readonly row: bigint | null } | { readonly is: 'ended' }

type Letter = DeadLetter & Faulty

interface Place {
  readonly partition: number
  readonly expected: bigint
  /** What lies below was accepted before, and the database has lost it. */
  readonly recoverBelow: bigint
  readonly signal: AbortSignal
}

/**
 * Writes one chunk, whatever it takes: dead letters are published and acknowledged first, then one transaction. A fault that
 * may be an event's own is looked for event by event; any other fault waits, with the member's heartbeats going, until it is
 * over or the assignment ends.
 */
export async function acceptChunk(acceptor: Acceptor, place: Place, chunk: ReadChunk): Promise<ChunkEnd> {
  const events = new Map(chunk.events.map((event) => [event.record.offset, event]))
  const passed = new Map<bigint, Letter>()
  for (const faulty of chunk.faulty) passed.set(faulty.record.offset, letterOf(acceptor, place, faulty))
  const unpublished = new Set(passed.keys())

  if (chunk.faulty.some(mustBeProven)) {
    const probe = await acceptNothing(acceptor, place)
    if (probe.is !== 'accepted') return probe
  }
  const mayBlame = events.size > 0 ? mayBeTheEvents : nobody
  const end = await persist(acceptor, place, mayBlame, async () => {
    for (;;) {
      await acceptor.deadLetters.publish([...unpublished].flatMap((offset) => passed.get(offset) ?? []))
      unpublished.clear()
      const result = await write(acceptor, {
        group: acceptor.group,
        topic: acceptor.topic,
        partition: place.partition,
        expected: place.expected,
        next: chunk.next,
        ...lastIn(chunk),
        recoverBelow: place.recoverBelow,
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
          letterOf(acceptor, place, {
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
    for (const letter of passed.values()) reportDeadLetter(acceptor, place, letter)
    return { ...end, endings: new Map([...end.endings, ...[...passed.keys()].map((offset) => [offset, 'dead-letter'] as const)]) }
  }
  if (end.is !== 'fault') return end
  const [first] = chunk.events
  return first !== undefined && chunk.events.length + chunk.faulty.length === 1
    ? onceMoreAlone(acceptor, place, chunk, first)
    : acceptOneByOne(acceptor, place, chunk)
}

/** Faults of an accept that may be an event's own. */
const mayBeTheEvents = (error: unknown) => classifyFault('accept', error) !== 'transient'
const nobody = () => false

/** What was read is bytes; what the consumer threw may come from the state of this process. */
function mustBeProven({ failure }: Faulty): boolean {
  return classifyFault(failure === undefined ? 'decode' : 'decide', failure?.error) === 'poison-if-reproducible'
}

/** Nothing but the progress row, which stays where it is: shows that the system is able to accept. */
async function acceptNothing(acceptor: Acceptor, place: Place): Promise<ChunkEnd> {
  const { group, topic } = acceptor
  const { partition, expected, recoverBelow } = place
  const nothing = { group, topic, partition, expected, next: expected, recoverBelow, events: [], passed: [] }
  const end = await persist(acceptor, place, nobody, () => write(acceptor, nothing))
  // Neither can come of it: nobody is blamed, and no event has an id.
  if (end.is === 'fault' || end.is === 'conflict') throw new Error(`an accept of nothing ended as ${end.is}`)
  return end
}

/** The chunk failed on something that may be one event's own: every event gets a chunk of its own, in log order. */
async function acceptOneByOne(acceptor: Acceptor, place: Place, chunk: ReadChunk): Promise<ChunkEnd> {
  const records = [...chunk.events, ...chunk.faulty].sort((a, b) => (a.record.offset < b.record.offset ? -1 : 1))
  let expected = place.expected
  const endings = new Map<bigint, EventEnding>()
  let deadLetters = 0
  let intents = 0
  for (const [index, one] of records.entries()) {
    const next = records[index + 1]?.record.offset ?? chunk.next
    const last = index === records.length - 1 ? lastIn(chunk) : lastOf(one.record)
    const alone: ReadChunk =
      'accepted' in one
        ? { next, ...last, events: [one], faulty: [], skipped: none }
        : { next, ...last, events: [], faulty: [one], skipped: none }
    const end = await acceptChunk(acceptor, { ...place, expected }, alone)
    if (end.is !== 'accepted') return end
    for (const [offset, ending] of end.endings) endings.set(offset, ending)
    deadLetters += end.deadLetters
    intents += end.intents
    expected = next
  }
  return { is: 'accepted', endings, deadLetters, intents, claimed: [] }
}

const none: ReadonlyMap<string, number> = new Map()

function lastIn({ last }: ReadChunk): { last?: LastRecord } {
  return last === undefined ? {} : { last }
}

/**
 * One event failed alone. When an accept of nothing but the progress row succeeds and the event fails once more, the fault is
 * provably its own.
 */
async function onceMoreAlone(acceptor: Acceptor, place: Place, chunk: ReadChunk, event: ReadChunk['events'][number]): Promise<ChunkEnd> {
  const firstFailedAt = new Date(acceptor.clock.now())
  const probe = await acceptNothing(acceptor, place)
  if (probe.is !== 'accepted') return probe
  const { group, topic } = acceptor
  const { partition, expected, recoverBelow } = place
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
  const end = await persist(acceptor, place, mayBeTheEvents, () => write(acceptor, alone))
  if (end.is === 'conflict') return acceptChunk(acceptor, place, chunk)
  if (end.is !== 'fault') return end
  const faulty: Faulty = {
    ...event.accepted,
    record: event.record,
    reason: 'database-rejected',
    detail: describeFault(end.error),
    firstFailedAt,
    attempts: 2,
  }
  return acceptChunk(acceptor, place, { ...chunk, events: [], faulty: [faulty] })
}

async function write(acceptor: Acceptor, chunk: Omit<Chunk, 'reservation'>): Promise<AcceptResult> {
  return acceptor.limit(async () => {
    const open = acceptor.reserve()
    let result: AcceptResult | null = null
    try {
      result = await acceptor.store.accept({ ...chunk, reservation: open.reservation })
      return result
    } finally {
      open.release(result?.is === 'accepted' ? result : null)
    }
  })
}

/**
 * Tries until it is done, an event may be at fault, or the assignment ends. A connection lost at COMMIT leaves the fate of
 * the transaction open: the next try finds the row moved to where this chunk ends, and goes on from there.
 */
async function persist<Result>(
  acceptor: Acceptor,
  place: Place,
  mayBlame: (error: unknown) => boolean,
  work: () => Promise<Result>,
): Promise<Result | { is: 'ended' } | { is: 'fault'; error: unknown }> {
  for (let attempt = 1; ; attempt++) {
    if (place.signal.aborted) return { is: 'ended' }
    try {
      const result = await work()
      if (attempt > 1) acceptor.observe({ is: 'resumed', group: acceptor.group, partition: place.partition })
      return result
    } catch (error) {
      if (mayBlame(error)) return { is: 'fault', error }
      // Nobody waits any more; told now, it would be a wait that nobody ends.
      if (place.signal.aborted) return { is: 'ended' }
      const retryInMs = backoff(attempt, { baseMs: 100, maxMs: 5_000 })
      acceptor.observe({ is: 'waiting', group: acceptor.group, partition: place.partition, cause: causeOf(error), retryInMs, attempt })
      await acceptor.clock.sleep(retryInMs, place.signal)
    }
  }
}

function letterOf(acceptor: Acceptor, place: Place, faulty: Faulty): Letter {
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
    partition: place.partition,
    group: acceptor.group,
    attempts: faulty.attempts ?? 1,
    firstFailedAt: faulty.firstFailedAt ?? now,
    lastFailedAt: now,
  }
}

function reportDeadLetter(acceptor: Acceptor, place: Place, letter: Letter): void {
  acceptor.observe({
    is: 'dead-lettered',
    group: acceptor.group,
    topic: acceptor.topic,
    partition: place.partition,
    offset: letter.record.offset,
    eventId: letter.eventId,
    type: letter.type,
    reason: letter.reason,
    detail: letter.detail,
  })
}
