import type { Command } from 'commander'
import { createBackfiller } from '../../src/leaderboard/postgres-backfill.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { backfillAll } from '../../src/leaderboard/backfill.ts'
import { backfillRows, backfillSummary, backfillTotals, createBackfillLines } from '../../src/leaderboard/backfill-lines.ts'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { systemClock } from '../../src/std/clock.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { renderJson } from './render-json.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options {
  readonly campaign?: string
  readonly batch: number
  readonly json?: boolean
}

const HELP = `
For the first installation on a platform that already has participants: after migrate nobody has a rank, and the first
recalculation of a campaign would write all of its rows in one transaction. The backfill ranks them beforehand in small
transactions, while the platform writes. It uses at most half of one connection, and about a tenth of a second per transaction.

It can be stopped and restarted at any time and continues where it stopped. A campaign is ranked either by a daemon or by the
backfill, whichever takes its lock first; the other waits. A second run finds nothing to do.

Examples:
  npm run workerctl -- leaderboard backfill
  npm run workerctl -- leaderboard backfill --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --batch 1000`

export function addLeaderboardBackfill(parent: Command, terminal: Terminal): void {
  parent
    .command('backfill')
    .description('rank participants without a rank, in small transactions')
    .option('--campaign <uuid>', 'only this campaign')
    .option('--batch <rows>', 'maximum rows per transaction', wholeNumber(1, 100_000), 5_000)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config } = configure(terminal)
      const clock = systemClock
      const startedAt = clock.monotonic()
      const only = options.campaign === undefined ? null : uuidOf('--campaign', options.campaign)
      const ended = await withDatabase(
        config,
        async (database) => {
          await checkSchema(database.sql)
          return database.session(async (session) => {
            const backfiller = await createBackfiller(session, { batchRows: options.batch, history: config.leaderboard.history, clock })
            const report = createBackfillLines(clock, (line) => terminal.err(line))
            return backfillAll(backfiller, await backfiller.campaigns(only), { clock, report })
          })
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      const seconds = Math.round((clock.monotonic() - startedAt) / 100) / 10
      if (options.json === true) terminal.out(renderJson({ ...backfillTotals(ended), seconds, campaigns: backfillRows(ended) }))
      else terminal.out(backfillSummary(ended, seconds))
    })
}
