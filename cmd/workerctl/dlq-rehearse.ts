import type { LetterCopy } from '../../src/admin/dead-letters/dead-letter-admin.ts'
import { nowInWords } from '../../src/admin/dead-letters/letter-view.ts'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { createTimelineReader } from '../../src/infra/postgres/admin/postgres-timeline.ts'
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

/** How a replay of the letter would end now, in words; `isOlder` when it needs `--allow-older`, with which it was tried then. */
export async function replayedNow(
  letters: Letters,
  copy: LetterCopy,
): Promise<{ readonly replayed: Replayed; readonly now: string; readonly isOlder: boolean }> {
  const rehearse = rehearsal(letters)
  const within = await rehearse(copy, false)
  const isOlder = within.is === 'failed' && within.failure.reason === 'older-than-dedupe-window'
  const replayed = isOlder ? await rehearse(copy, true) : within
  const known = await knownUnderOtherIds(letters, new Map([[copy, replayed]]))
  const older = isOlder ? 'The record is older than DEDUPE_DAYS, so its replay needs --allow-older. ' : ''
  return { replayed, now: older + nowInWords(replayed, known.get(copy)), isOlder }
}

/**
 * Of the letters that a replay would accept, those whose fact their group has accepted before under another id, with that id. Reads all
 * outcomes: half a second per million.
 */
export async function knownUnderOtherIds(
  { database }: Letters,
  rehearsed: ReadonlyMap<LetterCopy, Replayed>,
): Promise<ReadonlyMap<LetterCopy, string>> {
  const accepted = [...rehearsed].flatMap(([copy, replayed]) =>
    replayed.is === 'resolved' && replayed.outcome === 'accepted' && replayed.event !== null
      ? [{ copy, group: copy.place.group, eventId: replayed.event.eventId, hash: Buffer.from(replayed.event.contentHash).toString('hex') }]
      : [],
  )
  if (accepted.length === 0) return new Map()
  const groups = [...new Set(accepted.map(({ group }) => group))]
  const outcomes = await createTimelineReader(database.sql, channelList).outcomesOfFacts(groups, accepted.map(({ hash }) => hash)) // prettier-ignore
  return new Map(
    accepted.flatMap(({ copy, group, eventId, hash }) => {
      const known = outcomes.find(
        (one) => one.group === group && one.contentHash === hash && one.eventId !== eventId && one.outcome === 'accepted',
      )
      return known === undefined ? [] : [[copy, known.eventId] as const]
    }),
  )
}
