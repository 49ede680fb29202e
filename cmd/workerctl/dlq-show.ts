import type { Command } from 'commander'
import type { DeadLetterRecord, LetterAction, LetterGroup } from '../../src/admin/dead-letters/dead-letter-admin.ts'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import { nextCommands } from '../../src/admin/dead-letters/letter-view.ts'
import { shownRecord, type ShownRecord } from '../../src/admin/records/shown-record.ts'
import { letters as inWords } from '../../src/admin/dead-letters/replay-preview.ts'
import { schemasOf } from '../../src/ingest/replay-letters.ts'
import { filterOf, oneLetter, placeOf, readAll, recordGone, replayingGroups, withLetters, type Letters } from './dlq-context.ts'
import { replayedNow } from './dlq-rehearse.ts'
import { registryDeadline } from './registry-deadline.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { timeCell } from './time-cell.ts'

interface Options {
  readonly reveal?: boolean
  readonly value?: boolean
  readonly json?: boolean
}

const HELP = `
Shows one dead letter: why it was given up, at which fields, where its record was and is, what became of it, and how a replay would
end now, which is tried and rolled back.
Personal fields, and what is not known to be free of them, are *** unless --reveal is given.

Examples:
  npm run workerctl -- dlq show email-workers/3/4711
  npm run -s workerctl -- dlq show email-workers/3/4711 --reveal --value > event.json`

export function addDlqShow(parent: Command, terminal: Terminal): void {
  parent
    .command('show')
    .argument('<letter>', 'as shown by "dlq list"')
    .description('show one dead letter: its record, what is wrong with it, and what was done about it')
    .option('--reveal', 'show personal fields')
    .option('--value', 'print only the value, as JSON, such as for "dlq edit"')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (handle: string, { reveal = false, value = false, json = false }: Options) => {
      const view = await withLetters(terminal, { letters: [handle] }, (letters) => viewOf(letters, handle, reveal))
      if (value) {
        if (view.content === null) throw recordGone(view.letter)
        terminal.out(typeof view.content.value === 'string' ? view.content.value : JSON.stringify(view.content.value, null, 2))
      } else if (json) terminal.out(renderJson(view))
      else show(view, terminal)
    })
}

interface View extends DeadLetterRecord {
  readonly letter: string
  readonly alike: LetterGroup | null
  /** Where the record is now; null when no topic has it. */
  readonly found: { readonly topic: string; readonly partition: number; readonly offset: bigint } | null
  /** Of the operator's copy where there is one. */
  readonly content: ShownRecord | null
  readonly now: string | null
  readonly actions: readonly LetterAction[]
  readonly next: readonly string[]
}

async function viewOf(letters: Letters, handle: string, reveal: boolean): Promise<View> {
  const found = await oneLetter(letters, handle)
  const letter = letterHandle(found)
  const read = (await readAll(letters, [found])).get(letter)
  const record = found.edited ? await letters.admin.copy(placeOf(found)) : (read?.record ?? null)
  const { reader } = replayingGroups(letters)(found.group)
  const schemas = record === null ? undefined : await schemasOf(record, reader.schemas, registryDeadline())
  const filter = await filterOf(letters, { group: found.group, fingerprint: found.fingerprint, state: 'all' })
  const [alike = null] = await letters.admin.groups(filter)
  const tried = record === null ? null : await replayedNow(letters, { place: placeOf(found), record })
  return {
    ...found,
    letter,
    // Rows of older versions do not have it.
    detail: found.detail ?? read?.letterHeaders['dlq-reason'] ?? null,
    alike,
    found: read === undefined ? null : { topic: read.topic, partition: read.partition, offset: read.offset },
    content: record === null ? null : shownRecord(record, { reveal, schemas }),
    now: tried?.now ?? null,
    actions: await letters.admin.actions(placeOf(found)),
    next: nextCommands(found, tried?.isOlder ?? false).map((command) => `npm run workerctl -- ${command}`),
  }
}

function show(view: View, terminal: Terminal): void {
  const { content, found: at } = view
  const rows: readonly (readonly [string, string | null])[] = [
    ['Letter', `${view.letter}, ${view.state}${view.edited ? ', with an edited copy' : ''}`],
    ['Reason', view.detail === null ? view.reason : `${view.reason}: ${view.detail}`],
    ['Fingerprint', `${view.fingerprint}, ${inWords(view.alike?.count ?? 1)} alike`],
    ['Owner', view.alike?.owner ?? null],
    ['Note', view.alike?.note ?? null],
    ['Event', [view.type, view.eventId].filter((part) => part !== null).join(' ') || null],
    ['Was at', `${view.topic}, partition ${view.partition}, offset ${view.offset}; given up ${timeCell(view.at)}`],
    ['Is at', at === null ? 'no topic any more' : `${at.topic}, partition ${at.partition}, offset ${at.offset}`],
    ['Replayed', view.replays === 0 ? 'never' : view.replays === 1 ? 'once' : `${view.replays} times`],
    ['Key', content?.key ?? null],
    ...Object.entries(content?.headers ?? {}).map(([name, text]) => ['Header', `${name}: ${text}`] as const),
    ['Now', view.now],
  ]
  for (const [name, text] of rows) if (text !== null) terminal.out(`${name.padEnd(12)} ${text}`)
  if (content !== null) terminal.out(`\n${typeof content.value === 'string' ? content.value : JSON.stringify(content.value, null, 2)}`)
  if (content !== null && content.errors.length > 0) {
    const errors = content.errors.map(({ field, rule, value }) => [field, rule, value])
    terminal.out(`\n${renderTable(['FIELD', 'RULE', 'VALUE'], errors, terminal.columns)}`)
  }
  if (view.actions.length > 0) {
    const actions = view.actions.map(({ at: when, action, owner, because }) => [timeCell(when), action, owner, because])
    terminal.out(`\n${renderTable(['AT', 'ACTION', 'OWNER', 'BECAUSE'], actions, terminal.columns)}`)
  }
  if (view.next.length > 0) terminal.out(`\n${['Next:', ...view.next.map((command) => `  ${command}`)].join('\n')}`)
}
