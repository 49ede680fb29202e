import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { editedCopy } from '../../src/admin/dead-letters/edited-copy.ts'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import { requireShowable } from '../../src/admin/showable-text.ts'
import { messageOf, OperatorError } from '../../src/std/failure.ts'
import { oneLetter, placeOf, readAll, replayingGroups, withLetters } from './dlq-context.ts'
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
The copy is an event as JSON (id, type, account_id, campaign_id, data, timestamp). It is checked against the catalogue and must be one that the group
handles, or it is not stored. The original stays on its topic; replays of the letter read the copy from then on, and a later edit replaces it.

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
      const { letter, now } = await withLetters(terminal, { letters: [handle] }, async (letters) => {
        const record = await oneLetter(letters, handle)
        const place = placeOf(record)
        const { reader } = replayingGroups(letters)(record.group)
        const original = (await readAll(letters, [record])).get(letterHandle(record))?.record
        const gone = { offset: place.offset, timestamp: record.at.getTime(), key: null, headers: {} }
        const copy = { place, record: editedCopy(text, original ?? gone, reader) }
        const now = await replayedNow(letters, copy)
        if (!(await letters.admin.edit(copy, act)))
          throw new OperatorError(
            `${letterHandle(record)} is ${record.state}: only open and discarded ones can be edited; wait for its replay, or withdraw it by "dlq discard". Nothing was changed.`,
          )
        return { letter: letterHandle(record), now }
      })
      if (json === true) terminal.out(renderJson({ letter, stored: true, now }))
      else terminal.out(`Stored. ${now} Replay it: npm run workerctl -- dlq replay ${letter} --owner ${act.owner}`)
    })
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')
  } catch (error) {
    throw new OperatorError(`The copy cannot be read: ${messageOf(error)}.`)
  }
}
