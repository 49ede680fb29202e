import type { DeadLetterReason } from '../model/dead-letter-reason.ts'
import type { HeaderValue, LogRecord } from './record-source.ts'

/** A record that a group gives up, with the reason. `detail` names fields and rules, never values. */
export interface DeadLetter {
  readonly record: LogRecord
  readonly topic: string
  readonly partition: number
  readonly group: string
  readonly reason: DeadLetterReason
  readonly detail: string
  readonly eventId: string | null
  readonly attempts: number
  readonly firstFailedAt: Date
  readonly lastFailedAt: Date
}

/** The port to the dead-letter topic. `publish` resolves when all in-sync replicas have acknowledged all letters. */
export interface DeadLetterSink {
  publish(letters: readonly DeadLetter[]): Promise<void>
}

/** `<topic>.<group>.dlq`, with the prefixed group id. */
export function deadLetterTopic(topic: string, group: string): string {
  return `${topic}.${group}.dlq`
}

/** Version of the headers that {@link deadLetterHeaders} adds. */
const SCHEMA = '1'

/** The record's own headers, unchanged, followed by ours as UTF-8 strings. Never a message text of another system: it may hold an address. */
export function deadLetterHeaders(letter: DeadLetter): Record<string, HeaderValue | undefined> {
  const ours = {
    'dlq-schema-version': SCHEMA,
    'dlq-original-topic': letter.topic,
    'dlq-original-partition': String(letter.partition),
    'dlq-original-offset': String(letter.record.offset),
    'dlq-original-timestamp': String(letter.record.timestamp),
    'dlq-consumer-group': letter.group,
    'dlq-attempts': String(letter.attempts),
    'dlq-error-code': letter.reason,
    'dlq-reason': letter.detail,
    'dlq-first-failed-at': letter.firstFailedAt.toISOString(),
    'dlq-last-failed-at': letter.lastFailedAt.toISOString(),
    'dlq-replay-count': '0',
  }
  return { ...letter.record.headers, ...Object.fromEntries(Object.entries(ours).map(([name, value]) => [name, Buffer.from(value)])) }
}

const isOurs = (name: string) => name.startsWith('dlq-') || name === 'value-omitted' || name === 'headers-omitted'

/** The headers that the record had, and those of {@link deadLetterHeaders} and the sink as text. */
export function withoutLetterHeaders(headers: LogRecord['headers']): {
  readonly own: LogRecord['headers']
  readonly ours: Readonly<Record<string, string>>
} {
  const entries = Object.entries(headers)
  return {
    own: Object.fromEntries(entries.filter(([name]) => !isOurs(name))),
    ours: Object.fromEntries(
      entries.flatMap(([name, value]) => {
        if (!isOurs(name) || value === undefined) return []
        // Ours is the last of a name that the publisher had used as well.
        const last = value instanceof Uint8Array ? value : value.at(-1)
        return [[name, last?.toString('utf8') ?? '']]
      }),
    ),
  }
}
