import type { DeadLetterReason } from '../../model/dead-letter-reason.ts'

/** Why a record became a dead letter, as a clause after "because"; the fixes are in docs/guide/dead-letters.md. */
export const deadLetterSentences: Readonly<Record<DeadLetterReason, string>> = {
  'too-large': 'the record is larger than EVENT_MAX_BYTES',
  'too-deep': 'its JSON is nested too deeply',
  'not-utf8': 'the record is not UTF-8',
  'not-json': 'the record is not JSON',
  'not-an-envelope': 'the record is no event: a field of the envelope is missing or malformed',
  'invalid-data': 'its data violates the catalogue',
  'type-mismatch': 'header and body name different types',
  'unsupported-version': 'this build does not know the version of the event',
  'unknown-schema': 'the schema registry does not know its schema',
  'unreadable-schema': 'its schema cannot be read',
  'not-avro': 'the record is not what its Avro schema says',
  'id-conflict': 'its id is already on record for a different fact',
  'older-than-dedupe-window': 'it is older than DEDUPE_DAYS',
  'consumer-error': "the group's own code failed on it",
  'database-rejected': 'the database refused its values',
}
