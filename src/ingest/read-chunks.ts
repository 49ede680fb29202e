import type { DeadLetterReason } from '../model/dead-letter-reason.ts'
import type { IntentDraft } from '../model/intent.ts'
import { isEventType } from '../events/catalogue/catalogue.ts'
import { decode } from '../events/decode.ts'
import type { AnyEvent } from '../events/event.ts'
import type { WriterSchemas } from '../events/framed-value.ts'
import { contentHashOf } from '../events/identity.ts'
import type { AcceptedEvent, LastRecord } from './accept-store.ts'
import { isProjecting, type Consumer, type DecidingConsumer } from '../model/consumer.ts'
import type { ConsumerFailure, CrashLoopBreaker } from './crash-loop-breaker.ts'
import type { LogRecord } from './record-source.ts'
import type { SchemaSource } from './schema-source.ts'
import type { TypeFilter } from './type-filter.ts'
import { describeFault } from '../model/fault-policy.ts'

/** A record that cannot be accepted, with as much of its event as could be decoded. */
export interface FaultyRecord {
  readonly record: LogRecord
  readonly eventId: string | null
  readonly type: string | null
  readonly correlationId?: string | undefined
  /** From the envelope of an event with invalid data. */
  readonly campaignId?: string | null
  readonly contentHash: Uint8Array | null
  readonly reason: DeadLetterReason
  readonly detail: string
  /** Present when the consumer threw. */
  readonly failure?: ConsumerFailure
  /** Present when writing it failed: how often, and since when. */
  readonly attempts?: number
  readonly firstFailedAt?: Date
}

/** Consecutive records of a partition, decoded and decided. */
export interface ReadChunk {
  readonly next: bigint
  /** The last record of the chunk, whether or not the group handles it. */
  readonly last?: LastRecord
  readonly events: readonly { readonly record: LogRecord; readonly accepted: AcceptedEvent }[]
  readonly faulty: readonly FaultyRecord[]
  /** Counts of records that the group does not handle, by type; types outside the catalogue count as one. */
  readonly skipped: ReadonlyMap<string, number>
}

export interface ChunkReader {
  readonly consumer: Consumer
  readonly filter: TypeFilter
  readonly maxEventBytes: number
  readonly chunkEvents: number
  readonly chunkBytes: number
  /** Schemas of values in the format of a schema registry; absent where none is configured. */
  readonly schemas?: SchemaSource | undefined
  /** Of a replay: whether it selects the event; others count as skipped. */
  readonly selects?: (event: AnyEvent) => boolean
  /** Start of the dedupe window: the outcome of an older record may have been deleted. Milliseconds since 1970. */
  dedupeHorizon(): number
}

/** Records of a partition up to `end`, which may lie beyond the last record when the log has gaps. */
export interface ReadRequest {
  readonly partition: number
  readonly records: readonly LogRecord[]
  readonly end: bigint
  /** Records below are exempt from the dedupe window. */
  readonly exemptBelow: bigint
  /** Of the values that begin with the id of a schema. */
  readonly schemas?: WriterSchemas | undefined
  /** Records every event on which the consumer throws; once it opens, the chunk ends after that event and reading stops. */
  readonly breaker: CrashLoopBreaker
}

/**
 * Peeks, decodes and decides, in chunks of at most `chunkEvents` handled records or `chunkBytes` of values. Lazy: a chunk is
 * read when it is requested.
 */
export function* readChunks(reader: ChunkReader, reading: ReadRequest): Generator<ReadChunk> {
  const { records, end, breaker } = reading
  let at = 0
  do {
    const events: { record: LogRecord; accepted: AcceptedEvent }[] = []
    const faulty: FaultyRecord[] = []
    const skipped = new Map<string, number>()
    let bytes = 0
    const isFull = () => events.length + faulty.length >= reader.chunkEvents || bytes >= reader.chunkBytes || breaker.reason !== null
    for (; at < records.length && !isFull(); at++) {
      const record = records[at]
      if (record === undefined) break
      const skippedType = reader.filter.skips(record) ?? read(reader, reading, record, events, faulty)
      if (skippedType === null) bytes += record.value?.length ?? 0
      else {
        // A header may hold anything, even an address, and these counts are logged.
        const type = isEventType(skippedType) ? skippedType : unknownType
        skipped.set(type, (skipped.get(type) ?? 0) + 1)
      }
    }
    const next = records[at]?.offset ?? end
    yield { next, ...lastRecordOf(records[at - 1]), events, faulty, skipped }
  } while (at < records.length && breaker.reason === null)
}

/** What is stored to detect truncation below a record; nothing when the log has no leader epochs. */
export function lastRecordOf(record: LogRecord | undefined): { last?: LastRecord } {
  return record?.leaderEpoch === undefined ? {} : { last: { offset: record.offset, leaderEpoch: record.leaderEpoch } }
}

/** The label under which records of types outside the catalogue are counted. */
const unknownType = 'unknown'

/** Adds the record to `events` or `faulty`; returns its type instead when the group does not handle it. */
function read(
  reader: ChunkReader,
  { partition, exemptBelow, breaker, schemas }: ReadRequest,
  record: LogRecord,
  events: { record: LogRecord; accepted: AcceptedEvent }[],
  faulty: FaultyRecord[],
): string | null {
  const found = readRecord(reader, record, { isExempt: record.offset < exemptBelow, schemas })
  if (found.is === 'skipped') return found.type
  if (found.is === 'event') events.push({ record, accepted: found.accepted })
  else {
    const { failure } = found.faulty
    if (failure !== undefined) breaker.record(`${partition}/${record.offset}`, failure)
    faulty.push(found.faulty)
  }
  return null
}

/** What a group makes of one record. */
export type FoundRecord =
  | { readonly is: 'skipped'; readonly type: string }
  | { readonly is: 'event'; readonly accepted: AcceptedEvent }
  | { readonly is: 'faulty'; readonly faulty: FaultyRecord }

/** What is needed to read one record as a group does. */
export type RecordReader = Pick<ChunkReader, 'consumer' | 'filter' | 'selects' | 'maxEventBytes' | 'dedupeHorizon'>

/**
 * Decodes and decides one record: what the group would do about it, from its bytes alone. Never throws.
 *
 * @param how.isExempt the record may be older than the dedupe window
 */
export function readRecord(
  reader: RecordReader,
  record: LogRecord,
  how: { readonly isExempt: boolean; readonly schemas?: WriterSchemas | undefined },
): FoundRecord {
  const decoded = decode(record, { maxBytes: reader.maxEventBytes }, how.schemas)
  if (decoded.is === 'unknown-type') return { is: 'skipped', type: unknownType }
  if (decoded.is === 'fault') {
    const { reason, detail, envelope, correlationId } = decoded
    const claimed = { eventId: envelope?.id ?? null, type: envelope?.type ?? null, campaignId: envelope?.campaignId ?? null }
    return { is: 'faulty', faulty: { record, ...claimed, contentHash: null, reason, detail, correlationId } }
  }
  const { event } = decoded
  if (!reader.filter.handles(event.type) || reader.selects?.(event) === false) return { is: 'skipped', type: event.type }

  const { correlation_id: correlationId } = event
  const fields = { record, eventId: event.id, type: event.type, contentHash: contentHashOf(event.type, event.data), correlationId }
  if (record.timestamp < reader.dedupeHorizon() && !how.isExempt) {
    return {
      is: 'faulty',
      faulty: { ...fields, reason: 'older-than-dedupe-window', detail: 'the record is older than the dedupe window' },
    }
  }
  const of = { ...fields, offset: record.offset, at: new Date(event.timestamp) }
  if (isProjecting(reader.consumer)) return { is: 'event', accepted: { ...of, drafts: [], event } }
  const decided = decide(reader.consumer, event)
  return 'error' in decided
    ? {
        is: 'faulty',
        faulty: { ...fields, reason: 'consumer-error', detail: describeFault(decided.error), failure: decided, attempts: 2 },
      }
    : { is: 'event', accepted: { ...of, drafts: decided.drafts } }
}

/** Consumer code that throws twice on the same event throws because of it: the event is its only input. */
function decide(consumer: DecidingConsumer, event: AnyEvent): { drafts: readonly IntentDraft[] } | ConsumerFailure {
  try {
    return { drafts: consumer.accept(event) }
  } catch {
    // Retried once below; only the second error is reported.
  }
  try {
    return { drafts: consumer.accept(event) }
  } catch (error) {
    return { event, error }
  }
}
