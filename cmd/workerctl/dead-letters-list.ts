import type { Command } from 'commander'
import { createDeadLetterAdmin } from '../../src/infra/postgres/admin/postgres-dead-letter-admin.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { findGroup } from '../../src/admin/operator-group.ts'
import { deadLetterReasons } from '../../src/model/dead-letter-reason.ts'
import { unknownWord } from '../../src/admin/unknown-word.ts'
import { stamp } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options {
  readonly group?: string
  readonly reason?: string
  readonly limit: number
  readonly json?: boolean
}

const HELP = `
Counts dead letters by group and reason, and lists the newest with their offsets. The records themselves, unchanged, are on
<topic>.<group>.dlq until its retention expires; the rows shown here are kept for DEDUPE_DAYS.

Examples:
  npm run workerctl -- dead-letters list
  npm run workerctl -- dead-letters list --reason consumer-error --limit 100`

export function addDeadLettersList(parent: Command, terminal: Terminal): void {
  parent
    .command('list')
    .description('count dead letters by group and reason, and list the newest')
    .option('--group <group>', 'only of this group, with or without KAFKA_GROUP_PREFIX')
    .option('--reason <reason>', 'only with this reason')
    .option('--limit <count>', 'maximum number of dead letters listed', wholeNumber(0, 100_000), 20)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config, groups } = configure(terminal)
      const filter = {
        group: options.group === undefined ? null : findGroup(groups, options.group).id,
        reason: reasonOf(options.reason),
      }
      const found = await withDatabase(
        config,
        async ({ sql }) => {
          await checkSchema(sql)
          const admin = createDeadLetterAdmin(sql)
          return { counts: await admin.counts(filter), records: await admin.records(filter, options.limit) }
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      if (options.json === true) {
        terminal.out(renderJson(found))
        return
      }
      const now = systemClock.now()
      if (found.counts.length === 0) {
        terminal.out('There are no dead letters.')
        return
      }
      terminal.out(
        renderTable(
          ['GROUP', 'REASON', 'COUNT', 'FIRST', 'LAST'],
          found.counts.map(({ group, reason, count, first, last }) => [group, reason, count, stamp(first, now), stamp(last, now)]),
          terminal.columns,
        ),
      )
      if (found.records.length === 0) return
      terminal.out('')
      terminal.out(
        renderTable(
          ['AT', 'GROUP', 'REASON', 'TOPIC', 'PARTITION', 'OFFSET', 'TYPE', 'EVENT'],
          found.records.map((one) => [
            stamp(one.at, now),
            one.group,
            one.reason,
            one.topic,
            one.partition,
            BigInt(one.offset),
            one.type,
            one.eventId,
          ]),
          terminal.columns,
        ),
      )
    })
}

/** @throws {OperatorError} the reason does not exist: an empty list would look as if no record had been given up. */
function reasonOf(text: string | undefined): string | null {
  if (text === undefined) return null
  if (deadLetterReasons.some((reason) => reason === text)) return text
  throw unknownWord('reason', text, deadLetterReasons)
}
