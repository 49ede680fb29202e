import { header } from '../../events/header.ts'
import { readRecord, type RecordReader } from '../../ingest/read-chunks.ts'
import type { LogRecord } from '../../ingest/record-source.ts'
import { OperatorError } from '../../std/failure.ts'
import { editRefusal } from './edit-refusal.ts'

/**
 * The record that replays of a letter are to read in place of the original: an operator's text, in our own form of an event. Headers of the
 * original that say what its value is are left out, because they may be what is wrong.
 *
 * @throws {OperatorError} the group could not accept it: the reason with fields and rules
 */
export function editedCopy(
  text: string,
  original: Pick<LogRecord, 'offset' | 'timestamp' | 'key' | 'headers'>,
  reader: RecordReader,
): LogRecord {
  const value = Buffer.from(text.trim())
  const kept = Object.entries(original.headers).filter(([name]) => name === header.correlationId || name === header.traceparent)
  const record = { ...pick(original), value, headers: Object.fromEntries(kept) }
  const found = readRecord(reader, record, { isExempt: true })
  if (found.is === 'event')
    return {
      ...record,
      headers: { ...record.headers, [header.type]: Buffer.from(found.accepted.type), [header.id]: Buffer.from(found.accepted.eventId) },
    }
  if (found.is === 'faulty') throw editRefusal(found.faulty)
  throw new OperatorError(`The copy was not stored: ${reader.consumer.name} does not handle its type (${found.type}).`)
}

/** Not by a spread: the fields of a fetched record are created when they are read. */
function pick({ offset, timestamp, key }: Pick<LogRecord, 'offset' | 'timestamp' | 'key'>) {
  return { offset, timestamp, key }
}
