import type { Batch, IHeaders, KafkaMessage } from 'kafkajs'
import type { Assignment, HeaderValue, LogRecord, PartitionBatch } from '../../worker/record-source.ts'

/**
 * A batch of kafkajs as the port has it. It goes on after `lastOffset()`, not after the last record: control records and compaction leave
 * holes.
 */
export function partitionBatch(batch: Batch, assignment: Assignment): PartitionBatch {
  return {
    topic: batch.topic,
    partition: batch.partition,
    records: batch.messages.map(logRecord),
    nextOffset: BigInt(batch.lastOffset()) + 1n,
    highWatermark: BigInt(batch.highWatermark),
    assignment,
  }
}

/**
 * The offset that a batch was fetched from. kafkajs 2.2.4 keeps it unpublished; without it a batch from before a seek looks like any other.
 */
export function fetchedFrom(batch: Batch): bigint {
  if ('fetchedOffset' in batch && typeof batch.fetchedOffset === 'string') return BigInt(batch.fetchedOffset)
  throw new Error('kafkajs no longer tells the offset that a batch was fetched from')
}

function logRecord(message: KafkaMessage): LogRecord {
  return {
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: message.headers ? logHeaders(message.headers) : {},
    ...leaderEpochOf(message),
  }
}

/** kafkajs 2.2.4 hands on what the batch of a record said and does not publish it. */
function leaderEpochOf(message: KafkaMessage): { leaderEpoch?: number } {
  const batch: unknown = 'batchContext' in message ? message.batchContext : undefined
  if (typeof batch !== 'object' || batch === null || !('partitionLeaderEpoch' in batch)) return {}
  const epoch = batch.partitionLeaderEpoch
  return typeof epoch === 'number' && epoch >= 0 ? { leaderEpoch: epoch } : {}
}

function logHeaders(headers: IHeaders): Record<string, HeaderValue | undefined> {
  // Not by assignment: a header may be called `__proto__`.
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(bytes) : value === undefined ? value : bytes(value),
    ]),
  )
}

/**
 * A consumer gets Buffers, and null for a header without a value, which kafkajs does not say and cannot send again; we take it as empty.
 */
function bytes(value: Buffer | string | null): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : (value ?? Buffer.alloc(0))
}
