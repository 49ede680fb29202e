import type { Command } from 'commander'
import { letterHandle } from '../../src/admin/dead-letters/letter-handle.ts'
import type { TypedLetterFilter } from '../../src/admin/dead-letters/letter-filter.ts'
import { addLetterFilter, filterOf, withLetters } from './dlq-context.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { timeCell } from './time-cell.ts'
import { wholeNumber } from './whole-number.ts'

interface Options extends TypedLetterFilter {
  readonly limit: number
  readonly json?: boolean
}

const HELP = `
Counts dead letters by group and reason, and lists the newest, each by the name that the other verbs take. Those that are open unless --state says
otherwise. The records themselves, unchanged, are on <topic>.<group>.dlq until its retention expires; the rows shown here are kept for DEDUPE_DAYS.

Examples:
  npm run workerctl -- dlq list
  npm run workerctl -- dlq list --reason consumer-error --limit 100
  npm run workerctl -- dlq list --state requested`

export function addDlqList(parent: Command, terminal: Terminal): void {
  addLetterFilter(parent.command('list'))
    .description('count dead letters by group and reason, and list the newest')
    .option('--limit <count>', 'maximum number of dead letters listed', wholeNumber(0, 100_000), 20)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const found = await withLetters(terminal, { filter: options }, async (letters) => {
        const filter = await filterOf(letters, options)
        return { counts: await letters.admin.counts(filter), records: await letters.admin.records(filter, options.limit) }
      })
      if (options.json === true) {
        const records = found.records.map((record) => ({ letter: letterHandle(record), ...record }))
        terminal.out(renderJson({ ...found, records }))
        return
      }
      if (found.counts.length === 0) {
        terminal.out('There are no dead letters.')
        return
      }
      terminal.out(
        renderTable(
          ['GROUP', 'REASON', 'COUNT', 'FIRST', 'LAST'],
          found.counts.map(({ group, reason, count, first, last }) => [group, reason, count, timeCell(first), timeCell(last)]),
          terminal.columns,
        ),
      )
      if (found.records.length === 0) return
      terminal.out('')
      terminal.out(
        renderTable(
          ['AT', 'LETTER', 'REASON', 'TYPE', 'EVENT', 'STATE', 'REPLAYS'],
          found.records.map((one) => [timeCell(one.at), letterHandle(one), one.reason, one.type, one.eventId, one.state, one.replays]),
          terminal.columns,
        ),
      )
    })
}
