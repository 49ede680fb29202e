/** Why an event cannot be processed: a closed list, each reason documented in docs/guide/dead-letters.md. */
export const deadLetterReasons = [
  'too-large',
  'too-deep',
  'not-utf8',
  'not-json',
  'not-an-envelope',
  'invalid-data',
  'type-mismatch',
  'unsupported-version',
  'unknown-schema',
  'unreadable-schema',
  'not-avro',
  'id-conflict',
  'older-than-dedupe-window',
  'consumer-error',
  'database-rejected',
] as const

export type DeadLetterReason = (typeof deadLetterReasons)[number]
