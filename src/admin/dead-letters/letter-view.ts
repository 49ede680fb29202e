import type { FoundRecord } from '../../ingest/read-chunks.ts'
import type { DeadLetterRecord, LetterState } from './dead-letter-admin.ts'
import { letterHandle } from './letter-handle.ts'

/** What the group would do about the record now, in one sentence. */
export function nowInWords(found: FoundRecord): string {
  if (found.is === 'event') return 'This build would accept it.'
  if (found.is === 'skipped') return `This build's group does not handle its type (${found.type}).`
  return `It would fail again as ${found.faulty.reason}: ${found.faulty.detail}.`
}

/** Commands that go on from a letter, without `npm run workerctl --`. */
export function nextCommands(record: DeadLetterRecord): readonly string[] {
  const letter = letterHandle(record)
  const commands: Readonly<Record<LetterState, readonly string[]>> = {
    open: [
      `dlq replay ${letter} --owner NAME`,
      `dlq edit ${letter} --file event.json --owner NAME`,
      `dlq discard ${letter} --owner NAME --because TEXT`,
      `dlq export ${letter} --out DIRECTORY`,
      `dlq list --fingerprint ${record.fingerprint}`,
    ],
    requested: [`dlq discard ${letter} --owner NAME --because TEXT`],
    resolved: record.eventId === null ? [] : [`timeline --event ${record.eventId}`],
    discarded: [`dlq replay ${letter} --owner NAME`],
  }
  return commands[record.state]
}
