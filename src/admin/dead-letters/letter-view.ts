import type { ReplayOutcome } from '../../ingest/letter-store.ts'
import type { Replayed } from '../../ingest/replay-letters.ts'
import type { DeadLetterRecord, LetterState } from './dead-letter-admin.ts'
import { letterHandle } from './letter-handle.ts'

/**
 * How a replay of the letter would end now, in one sentence, or two where its effect would come a second time.
 *
 * @param knownAs the id under which the group has accepted the same fact before; null: it has not
 */
export function nowInWords(replayed: Replayed, knownAs: string | null = null): string {
  switch (replayed.is) {
    case 'resolved':
      return `${words[replayed.outcome]}${knownAs === null ? '' : ` The group has accepted the same under the id ${knownAs}: the effect would come a second time.`}`
    case 'failed':
      return `It would fail again as ${replayed.failure.reason}: ${replayed.failure.detail}.`
    case 'lost':
      return 'Another process is replaying it.'
  }
}

const words: Readonly<Record<ReplayOutcome, string>> = {
  accepted: 'A replay would accept it.',
  'no-effect': 'A replay would accept it, without any effect.',
  duplicate: 'A replay would accept it, but every effect of it exists already.',
  repeated: 'The group has handled it meanwhile: a replay would do nothing.',
  skipped: 'The group does not handle its type: a replay would do nothing.',
}

/** Commands that go on from a letter, without `npm run workerctl --`. `isOlder`: than the dedupe window. */
export function nextCommands(record: DeadLetterRecord, isOlder = false): readonly string[] {
  const letter = letterHandle(record)
  const replay = `dlq replay ${letter} --owner NAME${isOlder ? ' --allow-older' : ''}`
  const commands: Readonly<Record<LetterState, readonly string[]>> = {
    open: [
      replay,
      `dlq edit ${letter} --file event.json --owner NAME`,
      `dlq discard ${letter} --owner NAME --because TEXT`,
      `dlq export ${letter} --out DIRECTORY`,
      `dlq list --fingerprint ${record.fingerprint}`,
    ],
    requested: [`dlq discard ${letter} --owner NAME --because TEXT`],
    resolved: record.eventId === null ? [] : [`timeline --event ${record.eventId}`],
    discarded: [replay],
  }
  return commands[record.state]
}
