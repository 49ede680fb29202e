import { isEventType } from '../events/catalogue/catalogue.ts'
import type { OutboxRecord, OutboxSender } from './outbox-sender.ts'
import type { BlockLimits, FailedRow, OutboxRow } from './outbox-session.ts'

/** Memory of a shard, and a batch that every broker takes: its default for `message.max.bytes` is 1 MiB. */
export const blockLimits: BlockLimits = { rows: 500, bytes: 524_288, rowBytes: 8_388_608 }

/** What became of a block. Rows that are in none of the lists were not appended, and are read again. */
export interface BlockOutcome {
  /** Acknowledged by all replicas. */
  readonly published: readonly OutboxRow[]
  /** Of these, those that were sent before without a known outcome, in this block. */
  readonly repeated: readonly OutboxRow[]
  readonly failed: readonly FailedRow[]
  /** Sent, without a known outcome: they may be in the log. */
  readonly unknown: readonly OutboxRow[]
  /** Why the rest is not published; undefined when nothing is left. */
  readonly trouble: unknown
}

/**
 * Sends a block in its order, each topic by itself. Where Kafka refuses records, it sends ever smaller parts of what is not acknowledged until
 * the one at fault is alone: that one fails, and the others are published. `isOurs` is asked before each send; the block ends when it says no.
 */
export async function publishBlock(
  rows: readonly OutboxRow[],
  sender: Pick<OutboxSender, 'send'>,
  isOurs: () => boolean,
): Promise<BlockOutcome> {
  const published: OutboxRow[] = []
  const repeated: OutboxRow[] = []
  const failed: FailedRow[] = []
  const unknown = new Set<OutboxRow>()
  const sendable: OutboxRow[] = []
  let trouble: unknown
  for (const row of rows) {
    const fault = faultOf(row)
    if (fault === null) sendable.push(row)
    else failed.push(fault)
  }

  /** Whether what stands behind `part` may be sent. */
  async function send(topic: string, part: readonly OutboxRow[]): Promise<boolean> {
    if (part.length === 0) return true
    if (!isOurs()) return false
    const rowOf = new Map(part.map((row) => [recordOf(row), row]))
    const outcome = await sender.send(topic, [...rowOf.keys()])
    const left = new Set(part)
    for (const record of outcome.acknowledged) {
      const row = rowOf.get(record)
      if (row === undefined || !left.delete(row)) continue
      published.push(row)
      if (unknown.delete(row)) repeated.push(row)
    }
    for (const record of outcome.unknown) {
      const row = rowOf.get(record)
      if (row !== undefined) unknown.add(row)
    }
    const { refusal } = outcome
    if (left.size === 0) return true
    if (refusal === undefined) {
      // Order is kept within a topic: the others need not wait for this one.
      trouble ??= outcome.trouble ?? new Error(`Kafka has not acknowledged ${left.size} events for topic "${topic}"`)
      return false
    }
    const wanting = [...left]
    if (refusal.of === 'topic' || wanting.length === 1) {
      for (const row of wanting) unknown.delete(row)
      failed.push(...wanting.map((row) => ({ row, reason: refusal.reason, error: refusal.sentence })))
      return true
    }
    // In order: what stands behind the row at fault is sent after what stands before it.
    const half = Math.ceil(wanting.length / 2)
    return (await send(topic, wanting.slice(0, half))) && (await send(topic, wanting.slice(half)))
  }

  for (const [topic, part] of Map.groupBy(sendable, (row) => row.topic)) await send(topic, part)
  return { published, repeated, failed, unknown: [...unknown], trouble }
}

/** What is wrong with a row whatever Kafka says; null when nothing is. */
function faultOf(row: OutboxRow): FailedRow | null {
  const { type, bytes, payload } = row
  if (!isEventType(type)) {
    const error = `event type "${type}" is not in the catalogue of this worker: deploy the release that has it, or correct the publisher, then run workerctl outbox requeue --type ${type}`
    return { row, reason: 'unknown-event', error }
  }
  if (payload !== null) return null
  const error = `the event has ${bytes} bytes, more than the ${blockLimits.rowBytes} that the relay sends: publish a smaller one and delete this row`
  return { row, reason: 'too-large', error }
}

function recordOf({ key, payload, headers }: OutboxRow): OutboxRecord {
  const texts = Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)])
  return { key, value: Buffer.from(payload ?? ''), headers: Object.fromEntries(texts) }
}
