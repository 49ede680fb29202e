import type { Command } from 'commander'
import { channelList } from '../../src/daemon/compose/channels.ts'
import { createTimelineReader } from '../../src/infra/postgres/admin/postgres-timeline.ts'
import { checkSchema } from '../../src/infra/postgres/schema/schema-check.ts'
import { uuidOf } from '../../src/admin/intents/intent-filter.ts'
import { parseTime } from '../../src/admin/time-option.ts'
import { unknownCampaign } from '../../src/leaderboard/standings.ts'
import { stamp } from '../../src/std/ago.ts'
import { systemClock } from '../../src/std/clock.ts'
import { configure, WHOLE_TABLE_MS, withDatabase } from './connections.ts'
import { addPersonOptions, personOption, type PersonOptions } from './person-option.ts'
import { renderJson } from './render-json.ts'
import { renderTable } from './render-table.ts'
import type { Terminal } from './terminal.ts'
import { wholeNumber } from './whole-number.ts'

interface Options extends PersonOptions {
  readonly campaign: string
  readonly since?: string
  readonly limit: number
  readonly json?: boolean
}

const HELP = `
Newest first. A dash is a person without a rank: FROM before the first ranking, TO after leaving. LEADERBOARD_HISTORY sets which movements
are recorded (the hundred largest of a recalculation, all, or none), LEADERBOARD_HISTORY_DAYS for how long.

Examples:
  npm run workerctl -- leaderboard movements --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33
  npm run workerctl -- leaderboard movements --campaign 0c9e6c1f-3b1d-4f0e-8d8a-5f0f7a1e2b33 --email guest@example.com --since 2026-01-31T00:00:00Z`

export function addLeaderboardMovements(parent: Command, terminal: Terminal): void {
  addPersonOptions(parent.command('movements').description('list the recorded movements in a campaign, or of one person in it'))
    .requiredOption('--campaign <uuid>', 'the id in campaigns')
    .option('--since <time>', 'only those at or after this time, such as 7d or 2026-01-31T00:00:00Z')
    .option('--limit <count>', 'maximum number of movements listed', wholeNumber(1, 100_000), 100)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const { config } = configure(terminal)
      const campaignId = uuidOf('--campaign', options.campaign)
      const findPerson = personOption(options)
      const since = options.since === undefined ? null : parseTime('--since', options.since, systemClock.now())
      const movements = await withDatabase(
        config,
        async ({ sql }) => {
          await checkSchema(sql)
          const reader = createTimelineReader(sql, channelList)
          if ((await reader.campaign(campaignId)) === null) throw unknownCampaign(campaignId)
          return reader.movements(
            { campaignId, userId: findPerson === null ? null : await findPerson(sql, campaignId) },
            since,
            options.limit,
          )
        },
        { statementTimeoutMs: WHOLE_TABLE_MS },
      )
      const { history } = config.leaderboard
      if (options.json === true) return terminal.out(renderJson({ campaignId, history, movements }))
      if (movements.length === 0) return terminal.out(`No movement is recorded (LEADERBOARD_HISTORY=${history}).`)
      const now = systemClock.now()
      terminal.out(
        renderTable(
          ['AT', 'PERSON', 'FROM', 'TO', 'SCORE BEFORE', 'SCORE AFTER'],
          movements.map((one) => [
            stamp(one.at, now),
            one.userId,
            one.fromPosition,
            one.toPosition,
            one.fromScore === null ? null : BigInt(one.fromScore),
            one.toScore === null ? null : BigInt(one.toScore),
          ]),
          terminal.columns,
        ),
      )
    })
}
