import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { databaseRefusal } from '../../src/admin/database-sentence.ts'
import type { DeadLetterRecord, LetterCopy } from '../../src/admin/dead-letters/dead-letter-admin.ts'
import { editRefusal } from '../../src/admin/dead-letters/edit-refusal.ts'
import { editedCopy } from '../../src/admin/dead-letters/edited-copy.ts'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import { requireShowable } from '../../src/admin/showable-text.ts'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { SqlError } from '../../src/std/sql.ts'
import { oneLetter, placeOf, readAll, replayingGroups, withLetters, type Letters } from './dlq-context.ts'
import { replayedNow } from './dlq-rehearse.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'

interface Options {
  readonly file: string
  readonly owner: string
  readonly because?: string
  readonly json?: boolean
}

const HELP = `
The copy is an event as JSON (id, type, account_id, campaign_id, data, timestamp). It is checked against the catalogue, and its replay is tried and
rolled back: a copy that would fail again, such as by an id that is on record for another event, is not stored. The original stays on its topic;
replays of the letter read the copy from then on, and a later edit replaces it.

Examples:
  npm run -s workerctl -- dlq show email-workers/3/4711 --reveal --value > event.json
  npm run workerctl -- dlq edit email-workers/3/4711 --file event.json --owner ada --because "the importer left out the address"
  npm run workerctl -- dlq replay email-workers/3/4711 --owner ada`

export function addDlqEdit(parent: Command, terminal: Terminal): void {
  parent
    .command('edit')
    .argument('<letter>', 'as shown by "dlq list"')
    .description('store an edited copy of a dead letter, which is replayed in place of the original')
    .requiredOption('--file <path>', 'the copy as JSON; - for standard input')
    .requiredOption('--owner <name>', 'who edits it; kept with the letter')
    .option('--because <text>', 'why; kept with the letter')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (handle: string, { file, owner, because, json }: Options) => {
      const act = {
        owner: requireShowable('--owner', owner),
        because: because === undefined ? null : requireShowable('--because', because),
      }
      const text = await textOf(file)
      const { letter, now, isOlder } = await withLetters(terminal, { letters: [handle] }, async (letters) => {
        const record = await oneLetter(letters, handle)
        requireEditable(record)
        const place = placeOf(record)
        const { reader } = replayingGroups(letters)(record.group)
        const original = (await readAll(letters, [record])).get(letterHandle(record))?.record
        const gone = { offset: place.offset, timestamp: record.at.getTime(), key: null, headers: {} }
        const copy = { place, record: editedCopy(text, original ?? gone, reader) }
        const tried = await requireReplayable(letters, copy)
        if (!(await letters.admin.edit(copy, act))) {
          requireEditable(await oneLetter(letters, handle))
          throw new OperatorError(`${letterHandle(record)} was changed meanwhile: edit it again. Nothing was stored.`)
        }
        return { letter: letterHandle(record), ...tried }
      })
      const replay = `npm run workerctl -- dlq replay ${letter} --owner ${act.owner}${isOlder ? ' --allow-older' : ''}`
      if (json === true) terminal.out(renderJson({ letter, stored: true, now }))
      else terminal.out(`Stored. ${now} Replay it: ${replay}`)
    })
}

/** @throws {OperatorError} a replay reads the letter, or has resolved it */
function requireEditable(record: DeadLetterRecord): void {
  if (record.state === 'open' || record.state === 'discarded') return
  const wayOut =
    record.state === 'requested'
      ? `wait for its replay, or withdraw it by "dlq discard ${letterHandle(record)} --owner NAME --because TEXT"`
      : 'a replay has accepted it'
  throw new OperatorError(
    `${letterHandle(record)} is ${record.state}: only open and discarded ones can be edited; ${wayOut}. Nothing was stored.`,
  )
}

/**
 * How a replay of the copy would end now, in a sentence; `isOlder` when it needs `--allow-older`.
 *
 * @throws {OperatorError} it would fail whatever the options, or that cannot be tried
 */
async function requireReplayable(letters: Letters, copy: LetterCopy): Promise<{ readonly now: string; readonly isOlder: boolean }> {
  try {
    const { replayed, ...tried } = await replayedNow(letters, copy)
    if (replayed.is === 'failed') throw editRefusal(replayed.failure)
    return tried
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    throw new OperatorError(`The copy was not stored, because its replay could not be tried. ${databaseRefusal(error).message}`, {
      cause: error,
    })
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')
  } catch (error) {
    throw new OperatorError(`The copy cannot be read: ${messageOf(error)}.`)
  }
}
