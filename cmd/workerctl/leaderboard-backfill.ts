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
For the day on which a platform that has participants gets this worker: after migrate nobody has a rank, and the first
recalculation of a campaign writes all of its rows in one transaction. This ranks them in small ones beforehand, while the
platform writes. It takes half of one connection at most, and some tenth of a second for one transaction.

It may be ended and started again at any moment, and goes on where it stood. Beside daemons a campaign is ranked by whoever
comes first, and the other waits. Run again it finds nothing to do.

Examples:
  npm run workerctl -- leaderboard backfill
  npm run workerctl -- leaderboard backfill --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --batch 1000`

export function addLeaderboardBackfill(parent: Command, terminal: Terminal): void {
  parent
    .command('backfill')
    .description('rank who has no rank yet, in small transactions')
    .option('--campaign <uuid>', 'only this campaign')
    .option('--batch <rows>', 'rows in one transaction at most', wholeNumber(1, 100_000), 5_000)
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
