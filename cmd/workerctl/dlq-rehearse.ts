import type { LetterCopy } from '../../src/admin/dead-letters/dead-letter-admin.ts'
import { nowInWords } from '../../src/admin/dead-letters/letter-view.ts'
import { createLetterStore } from '../../src/infra/postgres/ingest/postgres-letter-store.ts'
import { replayLetter, type Replayed } from '../../src/ingest/replay-letters.ts'
import { ProjectionFailed } from '../../src/model/projection.ts'
import { SqlError } from '../../src/std/sql.ts'
import { replayingGroups, type Letters } from './dlq-context.ts'
import { registryDeadline } from './registry-deadline.ts'

/**
 * How a replay of a letter would end now: by the decode, decision and accept of this program, rolled back.
 *
 * @param allowOlder also where the record is older than the dedupe window
 */
export function rehearsal(letters: Letters): (copy: LetterCopy, allowOlder: boolean) => Promise<Replayed> {
  const store = createLetterStore(letters.database)
  const replaying = replayingGroups(letters)
  return async ({ place, record }, allowOlder) => {
    const group = replaying(place.group)
    const letter = { ...place, record, allowOlder, replays: 0 }
    try {
      return await replayLetter(letter, group, (event) => store.rehearse(letter, event, group.project), registryDeadline())
    } catch (error) {
      // Whichever statement the database fails at, an operator reads the sentence of its error.
      throw error instanceof ProjectionFailed && error.cause instanceof SqlError ? error.cause : error
    }
  }
}

/** How a replay of the letter would end now, without `--allow-older`, in a sentence. */
export async function replayedNow(letters: Letters, copy: LetterCopy): Promise<string> {
  return nowInWords(await rehearsal(letters)(copy, false))
}
