import { header } from '../../src/events/header.ts'

/** A header of a record, in words. */
interface RecordHeader {
  readonly name: string
  readonly required: 'required' | 'optional'
  readonly meaning: string
}

/** Every header that our publisher writes. */
export const recordHeaders: readonly RecordHeader[] = [
  { name: header.type, required: 'required', meaning: 'The type of the event: groups skip what they do not handle without parsing it.' },
  { name: header.version, required: 'required', meaning: 'The version of its data, such as 1 or 1.2.' },
  { name: header.id, required: 'required', meaning: 'The id of the event, a UUID, which is that of the value.' },
  { name: header.contentType, required: 'optional', meaning: 'application/json' },
  { name: header.timestamp, required: 'optional', meaning: 'When it happened, by RFC 3339.' },
  { name: header.correlationId, required: 'optional', meaning: 'The request or process that caused it.' },
  { name: header.causationId, required: 'optional', meaning: 'The id of the event that it was published because of.' },
  { name: header.traceparent, required: 'optional', meaning: 'The W3C trace context of its publisher.' },
  { name: header.producer, required: 'optional', meaning: 'The program that published it.' },
]
