import type { DeadLetterReason } from '../model/dead-letter-reason.ts'
import type { IntentDraft } from '../model/intent.ts'
import { isEventType } from '../events/catalogue.ts'
import { decode } from '../events/decode.ts'
import type { AnyEvent } from '../events/event.ts'
import { contentHashOf } from '../events/identity.ts'
import type { AcceptedEvent, LastRecord } from './accept-store.ts'
import type { Consumer } from '../model/consumer.ts'
import type { ConsumerFailure, EqualFailures } from './crash-loop-breaker.ts'
import type { LogRecord } from './record-source.ts'
import type { TypeFilter } from './type-filter.ts'
import { describeFault } from '../model/fault-policy.ts'

/** A record that cannot be accepted, with the event in it as far as it was understood. */
export interface Faulty {
  readonly record: LogRecord
  readonly eventId: string | null
  readonly type: string | null
  /** Of an envelope without sound data. */
  readonly campaignId?: string | null
  readonly contentHash: Uint8Array | null
  readonly reason: DeadLetterReason
  readonly detail: string
  /** Given when the consumer threw. */
  readonly failure?: ConsumerFailure
  /** Given when it was not read but tried: how often, and since when. */
  readonly attempts?: number
  readonly firstFailedAt?: Date
}

/** Some consecutive records of a partition as their group sees them. */
export interface ReadChunk {
  readonly next: bigint
  /** The last record of the chunk, handled or not. */
  readonly last?: LastRecord
  readonly events: readonly { readonly record: LogRecord; readonly accepted: AcceptedEvent }[]
  readonly faulty: readonly Faulty[]
  /** Records of types that the group does not handle, by type; those outside the catalogue as one. */
  readonly skipped: ReadonlyMap<string, number>
}

export interface ChunkReader {
  readonly consumer: Consumer
  readonly filter: TypeFilter
  readonly maxEventBytes: number
  readonly chunkEvents: number
  readonly chunkBytes: number
  /** Records with an older timestamp may have been processed and forgotten. Milliseconds since 1970. */
  oldestRemembered(): number
}

/** What is read: some records of a partition, up to `end`, beyond the last of them where the log has holes. */
export interface Reading {
  readonly partition: number
  readonly records: readonly LogRecord[]
  readonly end: bigint
  /** Records below are exempt from the dedupe window. */
  readonly exemptBelow: bigint
  /** Told of each event that the consumer throws on; once it says stop, the chunk ends behind that event, and the reading. */
  readonly failures: EqualFailures
}

/**
 * Peek, decode and decide, chunk by chunk: at most `chunkEvents` handled records or `chunkBytes` of their values each. Lazy: a
 * chunk is read when it is asked for.
 */
export function* readChunks(reader: ChunkReader, reading: Reading): Generator<ReadChunk> {
  const { records, end, failures } = reading
  let at = 0
  do {
    const events: { record: LogRecord; accepted: AcceptedEvent }[] = []
    const faulty: Faulty[] = []
    const skipped = new Map<string, number>()
    let bytes = 0
    const isFull = () => events.length + faulty.length >= reader.chunkEvents || bytes >= reader.chunkBytes || failures.reason !== null
    for (; at < records.length && !isFull(); at++) {
      const record = records[at]
      if (record === undefined) break
      const skippedType = reader.filter.skips(record) ?? read(reader, reading, record, events, faulty)
      if (skippedType === null) bytes += record.value?.length ?? 0
      else {
        // A header may hold anything, an address too, and what is counted here is written to the log.
        const type = isEventType(skippedType) ? skippedType : unknownType
        skipped.set(type, (skipped.get(type) ?? 0) + 1)
      }
    }
    const next = records[at]?.offset ?? end
    yield { next, ...lastOf(records[at - 1]), events, faulty, skipped }
  } while (at < records.length && failures.reason === null)
}

/** What is kept of a record to know it again; nothing when its log has no leader epochs. */
export function lastOf(record: LogRecord | undefined): { last?: LastRecord } {
  return record?.leaderEpoch === undefined ? {} : { last: { offset: record.offset, leaderEpoch: record.leaderEpoch } }
}

/** What records of types outside the catalogue are counted as. */
const unknownType = 'unknown'

/** Puts the record where it belongs; returns its type when the group does not handle it after all. */
function read(
  reader: ChunkReader,
  { partition, exemptBelow, failures }: Reading,
  record: LogRecord,
  events: { record: LogRecord; accepted: AcceptedEvent }[],
  faulty: Faulty[],
): string | null {
  const decoded = decode(record, { maxBytes: reader.maxEventBytes })
  if (decoded.is === 'unknown-type') return unknownType
  if (decoded.is === 'fault') {
    const { reason, detail, envelope } = decoded
    const told = { eventId: envelope?.id ?? null, type: envelope?.type ?? null, campaignId: envelope?.campaignId ?? null }
    faulty.push({ record, ...told, contentHash: null, reason, detail })
    return null
  }
  const { event } = decoded
  if (!reader.filter.handles(event.type)) return event.type

  const understood = { record, eventId: event.id, type: event.type, contentHash: contentHashOf(event.type, event.data) }
  if (record.timestamp < reader.oldestRemembered() && record.offset >= exemptBelow) {
    faulty.push({ ...understood, reason: 'older-than-dedupe-window', detail: 'its record is older than what is remembered' })
    return null
  }
  const decided = decide(reader.consumer, event)
  if ('error' in decided) {
    failures.count(`${partition}/${record.offset}`, decided)
    faulty.push({ ...understood, reason: 'consumer-error', detail: describeFault(decided.error), failure: decided, attempts: 2 })
  } else events.push({ record, accepted: { ...understood, offset: record.offset, at: new Date(event.timestamp), drafts: decided.drafts } })
  return null
}

/** Consumer code that throws twice on the same event, which is all it sees, throws because of it. */
function decide(consumer: Consumer, event: AnyEvent): { drafts: readonly IntentDraft[] } | ConsumerFailure {
  try {
    return { drafts: consumer.accept(event) }
  } catch {
    // Tried once more below; only what it throws then is told.
  }
  try {
    return { drafts: consumer.accept(event) }
  } catch (error) {
    return { event, error }
  }
}
