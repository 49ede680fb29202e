import type { OutboxReason } from '../model/outbox-reason.ts'

/** A record as it goes to the log. */
export interface OutboxRecord {
  readonly key: string
  readonly value: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** Kafka will not take what was sent, however often it is sent. */
export interface Refusal {
  /** `topic`: no record of this topic is taken. `records`: at least one of these records is at fault. */
  readonly of: 'topic' | 'records'
  readonly reason: OutboxReason
  /** One sentence that names the thing and the way out. */
  readonly sentence: string
}

/** The relay's port to Kafka. */
export interface OutboxSender {
  /**
   * Appends the records, keeping the order within each key; resolves to null when all replicas have acknowledged all of them. After a
   * refusal of `records`, and when it throws (no broker answers, a login is refused), some may have been appended.
   */
  send(topic: string, records: readonly OutboxRecord[]): Promise<Refusal | null>
  disconnect(): Promise<void>
}
