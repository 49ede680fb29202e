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

/** What became of records. A record that is in neither list was not appended. */
export interface SendOutcome<Sent> {
  /** By all in-sync replicas. */
  readonly acknowledged: readonly Sent[]
  /** Sent without an answer: they may be in the log. */
  readonly unknown: readonly Sent[]
  /** Why records are not acknowledged: sending them again would not help. */
  readonly refusal?: Refusal
  /** Why records are not acknowledged, where it may pass: no broker answers, a login is refused, too few replicas. */
  readonly trouble?: unknown
}

/** The relay's port to Kafka. */
export interface OutboxSender {
  /** Appends the records, keeping the order within each key. Never rejects. */
  send(topic: string, records: readonly OutboxRecord[]): Promise<SendOutcome<OutboxRecord>>
  disconnect(): Promise<void>
}
