import type { Command } from 'commander'
import type { TypedLetterFilter } from '../../src/admin/dead-letters/letter-filter.ts'
import { fingerprintIn } from '../../src/admin/dead-letters/letter-filter.ts'
import { letters as lettersInWords } from '../../src/admin/dead-letters/replay-preview.ts'
import { requireShowable } from '../../src/admin/showable-text.ts'
import { OperatorError } from '../../src/std/failure.ts'
import { addLetterFilter, filterOf, withLetters } from './dlq-context.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { timeCell } from './time-cell.ts'

const HELP = `
Dead letters that failed alike: the same reason, error class, type of event and topmost location in our code. Letters that an older version wrote have
no error and are grouped by reason and type. AGAIN is how many of them failed once more after a replay.

Examples:
  npm run workerctl -- dlq groups
  npm run workerctl -- dlq groups --reason consumer-error --since 7d`

/** Adds `dlq groups`. */
export function addDlqGroups(parent: Command, terminal: Terminal): void {
  addLetterFilter(parent.command('groups'))
    .description('group dead letters that failed alike, with their note')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: TypedLetterFilter & { readonly json?: boolean }) => {
      const found = await withLetters(terminal, { filter: options }, async (letters) =>
        letters.admin.groups(await filterOf(letters, options)),
      )
      if (options.json === true) terminal.out(renderJson({ groups: found }))
      else if (found.length === 0) terminal.out('There are no dead letters.')
      else {
        terminal.out(
          renderTable(
            ['FINGERPRINT', 'GROUP', 'REASON', 'TYPE', 'ERROR', 'COUNT', 'AGAIN', 'FIRST', 'LAST', 'OWNER', 'NOTE'],
            found.map((one) => [
              one.fingerprint,
              one.group,
              one.reason,
              one.type,
              one.error,
              one.count,
              one.replayed,
              timeCell(one.first),
              timeCell(one.last),
              one.owner,
              one.note,
            ]),
            terminal.columns,
          ),
        )
      }
    })
}

const NOTE_HELP = `
The note and its owner are shown with every dead letter of the fingerprint, also of those to come, and stay when they are replayed.

Examples:
  npm run workerctl -- dlq note 0123456789ab --owner ada --note "the importer sends no campaign_id; fixed with its next release"`

const LONGEST_NOTE = 1_000

interface NoteOptions {
  readonly group?: string
  readonly owner?: string
  readonly note?: string
  readonly json?: boolean
}

/** Adds `dlq note`. */
export function addDlqNote(parent: Command, terminal: Terminal): void {
  parent
    .command('note')
    .argument('<fingerprint>', 'as shown by "dlq groups"')
    .description('say what is known of dead letters that failed alike, and who takes care of them')
    .option('--group <group>', 'only in this group, with or without KAFKA_GROUP_PREFIX')
    .option('--owner <name>', 'who takes care of them')
    .option('--note <text>', 'what is known of them')
    .option('--json', 'print one JSON object')
    .addHelpText('after', NOTE_HELP)
    .action(async (text: string, { group, owner, note, json }: NoteOptions) => {
      if (owner === undefined && note === undefined) throw new OperatorError('Give --owner, --note or both.')
      const fingerprint = fingerprintIn(text)
      const said = {
        owner: owner === undefined ? null : requireShowable('--owner', owner),
        text: note === undefined ? null : requireShowable('--note', note, LONGEST_NOTE),
      }
      const found = await withLetters(terminal, { filter: group === undefined ? {} : { group } }, async (letters) => {
        const filter = await filterOf(letters, { ...(group === undefined ? {} : { group }), fingerprint, state: 'all' })
        const alike = await letters.admin.groups(filter)
        if (alike.length === 0)
          throw new OperatorError(`No dead letter has the fingerprint ${fingerprint}: "dlq groups --state all" shows those that there are.`)
        const groups = [...new Set(alike.map((one) => one.group))]
        await letters.admin.note(groups, fingerprint, said)
        return { fingerprint, groups, letters: alike.reduce((sum, { count }) => sum + count, 0) }
      })
      terminal.out(
        json === true
          ? renderJson(found)
          : `Noted for ${lettersInWords(found.letters)} of ${found.groups.join(', ')} with the fingerprint ${fingerprint}.`,
      )
    })
}
